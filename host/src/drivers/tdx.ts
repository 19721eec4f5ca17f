import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ConfidentialKind, type ConfidentialOptions, createConfidentialDriver } from './confidential.ts'
import { needsDevice, needsParameter, needsQemu, needsVendor } from './confidentialNeeds.ts'
import type { Driver } from './driver.ts'

/** Intel TDX: the guest's program has the processor report on it, and the host's service signs the report as a quote. */
export function createTdxDriver(options: ConfidentialOptions = {}): Driver {
  return createConfidentialDriver(TDX, options)
}

const TDX: ConfidentialKind = {
  name: 'tdx',
  title: 'Intel TDX',
  firmware: {
    files: ['/usr/share/ovmf/OVMF.inteltdx.fd', '/usr/share/edk2/ovmf/OVMF.inteltdx.fd'],
    variable: 'NACRE_TDX_FIRMWARE',
    fix: 'apt-get install ovmf-inteltdx (Ubuntu) or dnf install edk2-ovmf (Fedora), or name a file in NACRE_TDX_FIRMWARE',
  },
  // QEMU 10.1, docs/system/i386/tdx.rst.
  machine: ({ root }) => [
    ...[
      '-machine',
      'q35,kernel-irqchip=split,confidential-guest-support=tdx0',
      '-accel',
      'kvm',
      '-cpu',
      'host',
    ],
    ...['-object', JSON.stringify({ 'qom-type': 'tdx-guest', id: 'tdx0', ...quoteService(root) })],
  ],
  needs: root => [
    needsVendor(root, 'GenuineIntel', 'use a machine with an Intel Xeon that has TDX'),
    needsParameter(
      root,
      'kvm_intel/parameters/tdx',
      'switch TDX on in the machine’s setup, and start Linux 6.16 or later with kvm_intel.tdx=1',
    ),
    needsDevice(root, 'kvm', 'usermod -aG kvm USER, and a new login'),
    needsQemu(10, 1),
  ],
}

/** Intel's quote generation service (SGXDataCenterAttestationPrimitives, /etc/qgs.conf): at its socket, else its port. */
const QUOTES = { socket: 'var/run/tdx-qgs/qgs.socket', cid: '2', port: '4050' }

/** QEMU itself asks it for the guest, and passes on what it says. */
function quoteService(root: string): object {
  const { socket, cid, port } = QUOTES
  const path = join(root, socket)
  const address = existsSync(path) ? { type: 'unix', path } : { type: 'vsock', cid, port }
  return { 'quote-generation-socket': address }
}
