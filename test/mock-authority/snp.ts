import { concat, fromHex, sha256, utf8 } from '@nacre/verify'
import { oid } from '@nacre/verify/attest/oid'
import { der, integer, octetString } from './der.ts'
import {
  type CrlFields,
  createSigner,
  extension,
  issueCrl,
  issueX509,
  type Signer,
  signRaw,
  type X509Fields,
} from './x509.ts'

const LINKS = ['ark', 'ask', 'vek'] as const
type Link = (typeof LINKS)[number]
type Line = 'Milan' | 'Genoa' | 'Turin'

export type SnpOptions = {
  /** Seconds: when all certificates are valid. */
  time: bigint
  line?: Line
  key?: 'vcek' | 'vlek'
  version?: number
  policy?: bigint
  vmpl?: number
  /** TCB_VERSIONs of 8 bytes; all the same where they are not given. */
  tcb?: Partial<Record<'current' | 'reported' | 'committed' | 'launch', Uint8Array>>
  /** Zero where the host masks it. */
  chipId?: Uint8Array
  reportData?: Uint8Array
  /** What the endorsement key's certificate says; taken from the report where it is not given. */
  certified?: {
    key?: 'vcek' | 'vlek'
    product?: string | null
    chipId?: Uint8Array | null
    csp?: string | null
    tcb?: Uint8Array
    /** A level that is left out, and extensions that are added. */
    without?: number
    more?: Uint8Array[]
  }
  /** What to break in a certificate, and whom to let sign it or the report. */
  certificates?: Partial<Record<Link, Partial<X509Fields>>>
  signers?: Partial<Record<Link | 'report', Signer>>
  /** Changes of the report before and after it is signed. */
  unsigned?: (report: Uint8Array) => void
  signed?: (report: Uint8Array) => Uint8Array
}

/** A manufacturer of processors with roots of its own, on P-384 where AMD has RSA. */
export type SnpAuthority = {
  /** SHA-256 of the root's public key, hex: a policy names it. */
  pin: string
  report(options: SnpOptions): Uint8Array
  /** `ark.der`, `ask.der` and `vek.der`. */
  certificates(options: SnpOptions): Map<string, Uint8Array>
  /** A revocation list of the root. */
  crl(options: SnpOptions, fields?: Partial<CrlFields>, signer?: Signer): Uint8Array
}

const DAY = 86_400n
export const MOCK_TCB: Record<Line, Uint8Array> = {
  Milan: Uint8Array.of(3, 1, 0, 0, 0, 0, 8, 115),
  Genoa: Uint8Array.of(10, 1, 0, 0, 0, 0, 27, 84),
  Turin: Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 81),
}
const CPUID: Record<Line, number[]> = { Milan: [0x19, 1, 1], Genoa: [0x19, 0x11, 1], Turin: [0x1a, 2, 1] }
/** Security patch levels in the order of a TCB_VERSION's bytes, by the last number of their object identifiers. */
const LEVELS: Record<Line, number[]> = {
  Milan: [1, 2, 4, 5, 6, 7, 3, 8],
  Genoa: [1, 2, 4, 5, 6, 7, 3, 8],
  Turin: [9, 1, 2, 3, 5, 6, 7, 8],
}
const AMD = '1.3.6.1.4.1.3704.1'

/** The same options give the same bytes (RFC 6979). */
export function createSnpAuthority(seed: string): SnpAuthority {
  const keys = Object.fromEntries(
    LINKS.map(link => [link, createSigner('p384', `${seed} ${link}`)]),
  ) as Record<Link, Signer>
  const certify = (link: Link, options: SnpOptions): Uint8Array => {
    const { time, certificates = {}, signers = {} } = options
    const fields = {
      ...fieldsOf(link, options),
      notBefore: time - DAY,
      notAfter: time + DAY,
      ...certificates[link],
    }
    const issuer = LINKS[Math.max(0, LINKS.indexOf(link) - 1)] as Link
    return issueX509(fields, keys[link], signers[link] ?? keys[issuer])
  }
  return {
    pin: pinOf(keys.ark),
    report: options => signReport(options, options.signers?.report ?? keys.vek),
    certificates: options => new Map(LINKS.map(link => [`${link}.der`, certify(link, options)])),
    crl: ({ time, line = 'Milan' }, fields = {}, signer = keys.ark) =>
      issueCrl(
        { issuer: `ARK-${line}`, thisUpdate: time - DAY, nextUpdate: time + DAY, revoked: [], ...fields },
        signer,
      ),
  }
}

/** The public key's SubjectPublicKeyInfo (RFC 5480, P-384), hashed. */
function pinOf({ publicKey }: Signer): string {
  return sha256(concat(fromHex('0x3076301006072a8648ce3d020106052b81040022036200'), publicKey)).slice(2)
}

type Fields = Omit<X509Fields, 'notBefore' | 'notAfter'>

function fieldsOf(link: Link, options: SnpOptions): Fields {
  const { line = 'Milan', key = 'vcek', certified = {} } = options
  const root = `ARK-${line}`
  const signer = key === 'vlek' ? `SEV-VLEK-${line}` : `SEV-${line}`
  if (link === 'ark') return { serial: 1, issuer: root, subject: root, authority: true, keyUsage: 0x06 }
  if (link === 'ask')
    return { serial: 2, issuer: root, subject: signer, authority: true, pathLength: 0, keyUsage: 0x04 }
  const subject = `SEV-${(certified.key ?? key).toUpperCase()}`
  return {
    serial: 0,
    issuer: signer,
    subject,
    authority: false,
    keyUsage: null,
    extensions: extensionsOf(options),
  }
}

function extensionsOf(options: SnpOptions): Uint8Array[] {
  const { line = 'Milan', key = 'vcek', certified = {} } = options
  const { product = line, tcb = options.tcb?.reported ?? MOCK_TCB[line] } = certified
  const {
    chipId = key === 'vcek' ? chipOf(options) : null,
    csp = key === 'vlek' ? 'CN=cloud.example' : null,
  } = certified
  const { without, more = [] } = certified
  const levels = LEVELS[line].flatMap((level, i) =>
    level === without ? [] : extension(oid(`${AMD}.3.${level}`), integer(Uint8Array.of(tcb[i] as number))),
  )
  return [
    extension(oid(`${AMD}.1`), integer(Uint8Array.of(0))),
    ...(product === null ? [] : [extension(oid(`${AMD}.2`), der(0x16, utf8(product)))]),
    ...levels,
    ...(chipId ? [extension(oid(`${AMD}.4`), chipId)] : []),
    ...(csp ? [extension(oid(`${AMD}.5`), der(0x16, utf8(csp)))] : []),
    ...more,
  ]
}

/** Turin's certificates have the first 8 bytes, the rest is zero. */
function chipOf({ line }: SnpOptions): Uint8Array {
  return line === 'Turin' ? new Uint8Array(8).fill(0xc1) : new Uint8Array(64).fill(0xc1)
}

/** A security patch level by its number, of a certificate. */
export const levelOf = (level: number, version: number): Uint8Array =>
  extension(oid(`${AMD}.3.${level}`), integer(Uint8Array.of(version)))

/** A chip id as some certificates wrap it. */
export const wrapped = (chipId: Uint8Array): Uint8Array => octetString(chipId)

function signReport(options: SnpOptions, signer: Signer): Uint8Array {
  const { line = 'Milan', key = 'vcek', version = 5, policy = 0x30000n, vmpl = 0, tcb = {} } = options
  const {
    unsigned = () => {},
    signed = (bytes: Uint8Array) => bytes,
    reportData = new Uint8Array(64),
  } = options
  const report = new Uint8Array(1184)
  const view = new DataView(report.buffer)
  view.setUint32(0x00, version, true)
  view.setUint32(0x04, 7, true)
  view.setBigUint64(0x08, policy, true)
  view.setUint32(0x30, vmpl, true)
  view.setUint32(0x34, 1, true)
  view.setUint32(0x48, key === 'vlek' ? 4 : 0, true)
  const reported = tcb.reported ?? MOCK_TCB[line]
  report.set(tcb.current ?? reported, 0x38)
  report.set(reportData, 0x50)
  report.fill(0xa1, 0x90, 0xc0)
  report.set(reported, 0x180)
  if (version > 2) report.set(CPUID[line], 0x188)
  report.set(options.chipId ?? (key === 'vlek' ? new Uint8Array(64) : chipOf(options)), 0x1a0)
  report.set(tcb.committed ?? reported, 0x1e0)
  report.set(tcb.launch ?? reported, 0x1f0)
  unsigned(report)
  const signature = signRaw(report.subarray(0, 0x2a0), signer)
  report.set(signature.slice(0, 48).reverse(), 0x2a0)
  report.set(signature.slice(48).reverse(), 0x2a0 + 72)
  return signed(report)
}

/** As a host gives it with an extended report: GUID, offset and length of each, a zero entry, the certificates. */
export function tableOf(certificates: Uint8Array[]): Uint8Array {
  const header = new Uint8Array(24 * (certificates.length + 1))
  const view = new DataView(header.buffer)
  let offset = header.length
  for (const [i, { length }] of certificates.entries()) {
    header.fill(i + 1, 24 * i, 24 * i + 16)
    view.setUint32(24 * i + 16, offset, true)
    view.setUint32(24 * i + 20, length, true)
    offset += length
  }
  return concat(header, ...certificates)
}
