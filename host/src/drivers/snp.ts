import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { type ConfidentialKind, type ConfidentialOptions, createConfidentialDriver } from './confidential.ts'
import { needsDevice, needsParameter, needsQemu, needsVendor } from './confidentialNeeds.ts'
import type { Driver } from './driver.ts'

/** AMD SEV-SNP: the guest's program has the processor's secure one sign a report. */
export function createSnpDriver(options: ConfidentialOptions = {}): Driver {
  return createConfidentialDriver(SNP, options)
}

const SNP: ConfidentialKind = {
  name: 'snp',
  title: 'AMD SEV-SNP',
  firmware: {
    // The one that checks and measures the hashes of kernel, command line and ramdisk.
    files: ['/usr/share/ovmf/OVMF.amdsev.fd', '/usr/share/edk2/ovmf/OVMF.amdsev.fd'],
    variable: 'NACRE_SNP_FIRMWARE',
    fix: 'apt-get install ovmf-amdsev (Ubuntu) or dnf install edk2-ovmf (Fedora), or name a file in NACRE_SNP_FIRMWARE',
  },
  // QEMU 9.1, docs/system/i386/amd-memory-encryption.rst.
  machine: ({ memoryMb, root }) => {
    const { bit, lost } = encryptionBit(root)
    return [
      ...[
        '-machine',
        'q35,confidential-guest-support=sev0,memory-backend=ram1',
        '-accel',
        'kvm',
        '-cpu',
        'EPYC-v4',
      ],
      ...['-object', `memory-backend-memfd,id=ram1,size=${memoryMb}M,share=on`],
      ...['-object', `sev-snp-guest,id=sev0,cbitpos=${bit},reduced-phys-bits=${lost},kernel-hashes=on`],
    ]
  },
  needs: root => [
    needsVendor(root, 'AuthenticAMD', 'use a machine with an AMD EPYC of the third generation or later'),
    needsParameter(
      root,
      'kvm_amd/parameters/sev_snp',
      'switch SEV-SNP on in the machine’s setup, and start Linux 6.11 or later with kvm_amd.sev_snp=1',
    ),
    needsDevice(root, 'kvm', 'usermod -aG kvm USER, and a new login'),
    needsDevice(root, 'sev', 'run as a user that may open /dev/sev'),
    needsQemu(9, 1),
  ],
}

/** CPUID 0x8000001f (AMD64 Architecture Programmer's Manual, volume 3, E.4.17). */
const ENCRYPTION_LEAF = 0x8000001f
/** Of every EPYC that has SEV-SNP so far. */
const USUAL = { bit: 51, lost: 1 }

/**
 * The bit of an address that means encrypted, and how many bits of address that costs: of the processor where the
 * kernel's module `cpuid` says it, else the usual. QEMU refuses what the processor does not have.
 */
export function encryptionBit(root: string): { bit: number; lost: number } {
  const registers = Buffer.alloc(16)
  try {
    const file = openSync(join(root, 'dev/cpu/0/cpuid'), 'r')
    try {
      if (readSync(file, registers, 0, 16, ENCRYPTION_LEAF) !== 16) return USUAL
    } finally {
      closeSync(file)
    }
  } catch {
    return USUAL
  }
  const ebx = registers.readUInt32LE(4)
  return { bit: ebx & 0x3f, lost: (ebx >> 6) & 0x3f }
}
