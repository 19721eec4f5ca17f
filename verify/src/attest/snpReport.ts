import { concat } from '../bytes.ts'
import { demand } from './codes.ts'

/** An attestation report of SEV-SNP, taken apart: nothing in it is believed before its signature is checked. */
export type SnpReport = {
  version: 2 | 3 | 4 | 5
  guestSvn: number
  policy: GuestPolicy
  familyId: Uint8Array
  imageId: Uint8Array
  /** Privilege level of who asked for the report, 0 (highest) to 3. */
  vmpl: number
  /** Bits of PLATFORM_INFO, kept as they are: firmware adds some without a new version. */
  platformInfo: bigint
  signingKey: 'vcek' | 'vlek'
  reportData: Uint8Array
  measurement: Uint8Array
  hostData: Uint8Array
  idKeyDigest: Uint8Array
  authorKeyDigest: Uint8Array
  reportId: Uint8Array
  /** From version 3 on. */
  cpuid: { family: number; model: number; stepping: number } | undefined
  /** 64 bytes; zero when the host masks it, and under a VLEK. */
  chipId: Uint8Array
  /** TCB_VERSION, 8 bytes each; what they mean depends on the product line. */
  tcb: { current: Uint8Array; reported: Uint8Array; committed: Uint8Array; launch: Uint8Array }
  /** What is signed, and the signature r|s, 96 bytes big-endian. */
  signed: Uint8Array
  signature: Uint8Array
}

/** What the guest's owner allowed at launch; whoever runs the machine cannot change it. */
export type GuestPolicy = { debug: boolean; migrationAgent: boolean; smt: boolean; singleSocket: boolean }

export const SNP_REPORT_SIZE = 1184

const SIGNED_SIZE = 0x2a0
const ECDSA_P384_SHA384 = 1
/** Bits of SIGNING_KEY. Those between are reserved, 7 says that nothing signed the report. */
const SIGNING_KEYS: Record<number, SnpReport['signingKey']> = { 0: 'vcek', 1: 'vlek' }
const UNSIGNED = 7
/** The last known bit of POLICY is 25, PAGE_SWAP_DISABLE. */
const KNOWN_POLICY = (1n << 26n) - 1n

/**
 * Takes a report apart (AMD, SEV Secure Nested Paging Firmware ABI Specification, 56860, ATTESTATION_REPORT).
 * Fails with malformed (size, a reserved field that is not zero), unsupported (version, algorithm, signing key),
 * bad-signature (a report that nothing signed).
 */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  demand(
    bytes.length === SNP_REPORT_SIZE,
    'malformed',
    `a report of ${bytes.length} bytes, not ${SNP_REPORT_SIZE}`,
  )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const at = (offset: number, size: number): Uint8Array => bytes.subarray(offset, offset + size)
  const version = readVersion(view)
  checkReserved(bytes, version)
  const vmpl = view.getUint32(0x30, true)
  demand(vmpl <= 3, 'unsupported', `VMPL ${vmpl}: not the guest asked for this report`)
  const algorithm = view.getUint32(0x34, true)
  demand(
    algorithm === ECDSA_P384_SHA384,
    'unsupported',
    `signature algorithm ${algorithm}, known: ${ECDSA_P384_SHA384}`,
  )
  return {
    version,
    guestSvn: view.getUint32(0x04, true),
    policy: readPolicy(view.getBigUint64(0x08, true)),
    familyId: at(0x10, 16),
    imageId: at(0x20, 16),
    vmpl,
    platformInfo: view.getBigUint64(0x40, true),
    signingKey: readSigningKey(view.getUint32(0x48, true)),
    reportData: at(0x50, 64),
    measurement: at(0x90, 48),
    hostData: at(0xc0, 32),
    idKeyDigest: at(0xe0, 48),
    authorKeyDigest: at(0x110, 48),
    reportId: at(0x140, 32),
    cpuid: version < 3 ? undefined : readCpuid(at(0x188, 3)),
    chipId: at(0x1a0, 64),
    tcb: { current: at(0x38, 8), reported: at(0x180, 8), committed: at(0x1e0, 8), launch: at(0x1f0, 8) },
    signed: at(0, SIGNED_SIZE),
    signature: readSignature(at(SIGNED_SIZE, 144)),
  }
}

function readVersion(view: DataView): SnpReport['version'] {
  const version = view.getUint32(0, true)
  if (version === 2 || version === 3 || version === 4 || version === 5) return version
  demand(false, 'unsupported', `a report of version ${version}, known: 2 to 5`)
}

/** Fields that each version has to leave zero: CPUID came with version 3, the mitigation vectors with 5. */
function checkReserved(bytes: Uint8Array, version: number): void {
  const fields: [from: number, to: number][] = [
    [0x4c, 0x50],
    [version < 3 ? 0x188 : 0x18b, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    [version < 5 ? 0x1f8 : 0x208, SIGNED_SIZE],
    [SIGNED_SIZE + 144, SNP_REPORT_SIZE],
  ]
  for (const [from, to] of fields) {
    const zero = isZero(bytes.subarray(from, to))
    demand(zero, 'malformed', `bytes ${from} to ${to - 1}, reserved in version ${version}, are not zero`)
  }
}

function readPolicy(policy: bigint): GuestPolicy {
  const bit = (index: bigint): boolean => ((policy >> index) & 1n) === 1n
  demand(bit(17n), 'malformed', 'bit 17 of the guest policy, which is always set, is not')
  demand(
    policy <= KNOWN_POLICY,
    'unsupported',
    `guest policy 0x${policy.toString(16)} has bits that are not known`,
  )
  return { smt: bit(16n), migrationAgent: bit(18n), debug: bit(19n), singleSocket: bit(20n) }
}

/** Bits 2 to 4; bit 0 is AUTHOR_KEY_EN, bit 1 MASK_CHIP_KEY. */
function readSigningKey(keyInfo: number): SnpReport['signingKey'] {
  const reserved = keyInfo >>> 5
  demand(reserved === 0, 'malformed', 'reserved bits of the key information are not zero')
  const key = (keyInfo >>> 2) & 7
  demand(key !== UNSIGNED, 'bad-signature', 'the report says that nothing signed it')
  const name = SIGNING_KEYS[key]
  demand(name !== undefined, 'unsupported', `signing key ${key}, known: 0 (VCEK) and 1 (VLEK)`)
  return name
}

function readCpuid([family = 0, model = 0, stepping = 0]: Uint8Array): SnpReport['cpuid'] {
  return { family, model, stepping }
}

/** Both numbers have 72 bytes, little-endian, of which P-384 fills 48. */
function readSignature(bytes: Uint8Array): Uint8Array {
  const numbers = [bytes.subarray(0, 72), bytes.subarray(72)].map(number => {
    demand(isZero(number.subarray(48)), 'malformed', 'a number of the signature is longer than 48 bytes')
    return number.slice(0, 48).reverse()
  })
  return concat(...numbers)
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0)
}
