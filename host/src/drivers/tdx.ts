import { type ConfidentialKind, type ConfidentialOptions, createConfidentialDriver } from './confidential.ts'
import { needsDevice, needsParameter, needsQemu, needsVendor } from './confidentialNeeds.ts'
import type { Driver } from './driver.ts'

export type TdxOptions = ConfidentialOptions & {
  /** Where the host's quote generation service listens: a Unix socket, or a port of vsock. Without it, Intel's port. */
  quotes?: { socket: string } | { port: number }
}

/** Of Intel's service (SGXDataCenterAttestationPrimitives, /etc/qgs.conf). */
const QUOTES_PORT = 4050
const HOST_CID = 2

/** Intel TDX: the guest's program has the processor report on it, and the host's service signs the report as a quote. */
export function createTdxDriver({ quotes, ...options }: TdxOptions = {}): Driver {
  return createConfidentialDriver(tdxKind(quotes), options)
}

function tdxKind(quotes: TdxOptions['quotes']): ConfidentialKind {
  return {
    name: 'tdx',
    title: 'Intel TDX',
    firmware: {
      files: ['/usr/share/ovmf/OVMF.inteltdx.fd', '/usr/share/edk2/ovmf/OVMF.inteltdx.fd'],
      variable: 'NACRE_TDX_FIRMWARE',
      fix: 'apt-get install ovmf-inteltdx (Ubuntu) or dnf install edk2-ovmf (Fedora), or name a file in NACRE_TDX_FIRMWARE',
    },
    // QEMU 10.1, docs/system/i386/tdx.rst.
    machine: () => [
      ...[
        '-machine',
        'q35,kernel-irqchip=split,confidential-guest-support=tdx0',
        '-accel',
        'kvm',
        '-cpu',
        'host',
      ],
      ...['-object', JSON.stringify({ 'qom-type': 'tdx-guest', id: 'tdx0', ...quoteService(quotes) })],
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
}

/** QEMU itself asks it for the guest, and passes on what it says. */
function quoteService(quotes: TdxOptions['quotes'] = { port: QUOTES_PORT }): object {
  const address =
    'socket' in quotes
      ? { type: 'unix', path: quotes.socket }
      : { type: 'vsock', cid: `${HOST_CID}`, port: `${quotes.port}` }
  return { 'quote-generation-socket': address }
}
