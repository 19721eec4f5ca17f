import { fromUtf8, type Tee } from '@nacre/verify'
import { fingerprint, iso, nameOf, parsePem, parseX509, type X509 } from '@nacre/verify/attest/certificate'
import { decodeSign1, ES256, ES384 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { parseDstackBundle, type RuntimeEvent, replay } from '@nacre/verify/attest/dstackBundle'
import { enclaveMeasurements, isDebugEnclave, parseEnclaveReport } from '@nacre/verify/attest/enclaveReport'
import { MAX_NITRO_EVIDENCE } from '@nacre/verify/attest/nitro'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
import { parseNvidiaReport } from '@nacre/verify/attest/nvidiaReport'
import { parsePlatform, SGX_EXTENSION } from '@nacre/verify/attest/pck'
import { parseQuote, type Quote } from '@nacre/verify/attest/quote'
import { parseSnpReport } from '@nacre/verify/attest/snpReport'
import { parseTdReport, readTdAttributes, TD_UNDER_DEBUG } from '@nacre/verify/attest/tdReport'
import { nodeCrypto } from '../nodeCrypto.ts'

/** What evidence claims, for people: nothing of it is verified. */
export type Explanation = {
  tee: Tee
  /** Label and value, in the order of the format. */
  facts: [label: string, value: string][]
  measurements: Record<string, string>
  certificates: ExplainedCertificate[]
}

/** From the root down; times in ISO 8601. */
export type ExplainedCertificate = {
  subject: string
  issuer: string
  serial: string
  notBefore: string
  notAfter: string
  key: string
  signature: string
  authority: boolean
  fingerprint: string
}

type Explain = (evidence: Uint8Array) => Explanation

export const EXPLAINERS: Record<Tee, Explain> = {
  nitro: explainNitro,
  tdx: explainQuote,
  sgx: explainQuote,
  snp: explainSnp,
  nvidia: explainNvidia,
  dstack: explainDstack,
  simulated: explainSimulated,
}

/** What a file of evidence looks like; its first bytes say it, or its size. */
export function recognise(bytes: Uint8Array): Tee | undefined {
  const begins = (...start: number[]): boolean => start.every((byte, i) => bytes[i] === byte)
  if (begins(0x84, 0x44, 0xa1, 0x01, 0x38, 0x22)) return 'nitro'
  if (begins(0x84, 0x43, 0xa1, 0x01, 0x26)) return 'simulated'
  if (begins(0x11, 0xe0)) return 'nvidia'
  if (begins(0x7b)) return 'dstack'
  if (bytes.length === 1184) return 'snp'
  const [version, , , , tee] = bytes
  if (bytes[1] !== 0 || version === undefined || version < 3 || version > 5) return undefined
  return tee === 0x81 ? 'tdx' : 'sgx'
}

function explainNitro(evidence: Uint8Array): Explanation {
  const { payload } = decodeSign1(evidence, MAX_NITRO_EVIDENCE, ES384)
  const document = decodeNitroDocument(payload)
  return {
    tee: 'nitro',
    facts: [
      ['format', `COSE_Sign1, ES384, ${evidence.length} bytes; payload ${mapKind(payload)}`],
      ['module', document.moduleId],
      ['made at', new Date(document.timestamp).toISOString()],
      ['public key', told(document.publicKey)],
      ['user data', told(document.userData)],
      ['nonce', told(document.nonce)],
    ],
    measurements: Object.fromEntries([...document.pcrs].map(([index, pcr]) => [`pcr${index}`, hex(pcr)])),
    certificates: [...document.cabundle, document.certificate].map(der => explainCertificate(parseX509(der))),
  }
}

function explainSimulated(evidence: Uint8Array): Explanation {
  const { payload } = decodeSign1(evidence, MAX_NITRO_EVIDENCE, ES256)
  const document = decodeDocument(payload)
  return {
    tee: 'simulated',
    facts: [
      ['format', `COSE_Sign1, ES256, ${evidence.length} bytes: SIMULATED, no hardware vouches for it`],
      ['module', document.moduleId],
      ['made at', new Date(document.timestamp).toISOString()],
      ['user data', told(document.userData)],
      ['nonce', told(document.nonce)],
    ],
    measurements: Object.fromEntries(document.pcrs.map((pcr, index) => [`pcr${index}`, hex(pcr)])),
    certificates: [...document.cabundle, document.certificate].map(der => explainCertificate(parseX509(der))),
  }
}

function explainQuote(evidence: Uint8Array): Explanation {
  const quote = parseQuote(evidence)
  const { version, tee, bodyType, padding, pckChain } = quote
  const isTd = bodyType !== 'sgx'
  const padded = padding > 0 ? `, and ${padding} zero bytes behind it` : ''
  const { facts, measurements } = isTd ? explainTd(quote) : explainEnclave(quote)
  const chain = parsePem(fromUtf8(pckChain).replaceAll('\0', '')).map(der =>
    parseX509(der, { known: [SGX_EXTENSION] }),
  )
  const { ppid, fmspc, pceId } = parsePlatform(chain[0]?.extensions.get(SGX_EXTENSION) ?? new Uint8Array(0))
  return {
    tee,
    facts: [
      [
        'format',
        `quote of version ${version}, ${{ sgx: 'SGX', td10: 'TDX 1.0', td15: 'TDX 1.5' }[bodyType]}${padded}`,
      ],
      ...facts,
      ['FMSPC', fmspc],
      ['PCE id', pceId],
      ['PPID', ppid],
    ],
    measurements,
    certificates: chain.reverse().map(explainCertificate),
  }
}

type Body = Pick<Explanation, 'facts' | 'measurements'>

function explainTd({ body, bodyType }: Quote): Body {
  const report = parseTdReport(body, bodyType === 'td15' ? 'td15' : 'td10')
  const { set, reserved } = readTdAttributes(report.tdAttributes)
  return {
    facts: [
      ['report data', hex(report.reportData)],
      ['attributes', [...set, ...reserved.map(bit => `reserved bit ${bit}`)].join(', ') || 'none'],
      ['debug', set.some(bit => TD_UNDER_DEBUG.includes(bit)) ? 'YES' : 'no'],
      ['module SVN', hex(report.teeTcbSvn)],
    ],
    measurements: report.measurements,
  }
}

function explainEnclave({ body }: Quote): Body {
  const report = parseEnclaveReport(body)
  return {
    facts: [
      ['report data', hex(report.reportData)],
      ['debug', isDebugEnclave(report) ? 'YES' : 'no'],
      ['product', `ISVPRODID ${report.isvProdId}, ISVSVN ${report.isvSvn}`],
      ['CPU SVN', hex(report.cpuSvn)],
    ],
    measurements: enclaveMeasurements(report),
  }
}

function explainSnp(evidence: Uint8Array): Explanation {
  const report = parseSnpReport(evidence)
  const { version, vmpl, policy, signingKey, cpuid, tcb, chipId } = report
  const { measurement, hostData, idKeyDigest, authorKeyDigest, familyId, imageId } = report
  const registers = { measurement, hostData, idKeyDigest, authorKeyDigest, familyId, imageId }
  return {
    tee: 'snp',
    facts: [
      ['format', `SEV-SNP report of version ${version}, signed by a ${signingKey.toUpperCase()}`],
      ['report data', hex(report.reportData)],
      ['debug', policy.debug ? 'YES' : 'no'],
      ['migration', policy.migrationAgent ? 'YES' : 'no'],
      ['VMPL', String(vmpl)],
      ['guest SVN', String(report.guestSvn)],
      [
        'CPU',
        cpuid ? `family ${cpuid.family}, model ${cpuid.model}, stepping ${cpuid.stepping}` : 'not told',
      ],
      ['chip id', hex(chipId)],
      ['reported TCB', hex(tcb.reported)],
      ['current TCB', hex(tcb.current)],
      ['committed TCB', hex(tcb.committed)],
      ['launch TCB', hex(tcb.launch)],
    ],
    measurements: Object.fromEntries(Object.entries(registers).map(([name, value]) => [name, hex(value)])),
    // They are not in the report.
    certificates: [],
  }
}

function explainNvidia(evidence: Uint8Array): Explanation {
  const { nonce, measurements, opaque } = parseNvidiaReport(evidence)
  return {
    tee: 'nvidia',
    facts: [
      ['format', `SPDM 1.1 GET_MEASUREMENTS and its answer, ${evidence.length} bytes`],
      ['nonce', hex(nonce)],
      ['opaque fields', [...opaque.keys()].join(', ') || 'none'],
    ],
    measurements: Object.fromEntries(
      [...measurements].map(([index, value]) => [`index ${index}`, hex(value)]),
    ),
    // They are not in the report.
    certificates: [],
  }
}

function explainDstack(evidence: Uint8Array): Explanation {
  const { quote, events } = parseDstackBundle(evidence)
  const explanation = explainQuote(quote)
  const told = ({ name, payload }: RuntimeEvent): [string, string] => [
    `event ${name}`,
    hex(payload) || 'empty',
  ]
  const replayed = hex(replay(events, nodeCrypto.sha384))
  return {
    ...explanation,
    tee: 'dstack',
    facts: [
      ...explanation.facts,
      [
        'RTMR3 of events',
        replayed === explanation.measurements.rtmr3 ? 'the quote’s' : `another: ${replayed}`,
      ],
      ...events.map(told),
    ],
  }
}

export function explainCertificate(certificate: X509): ExplainedCertificate {
  const { subject, issuer, serial, notBefore, notAfter, key, algorithm, isAuthority } = certificate
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    serial: serial.replace(/^0x(00)*/, '') || '0',
    notBefore: iso(notBefore),
    notAfter: iso(notAfter),
    key:
      key.type === 'rsa' ? `RSA-${8 * key.rsa.modulus.length}` : { p256: 'P-256', p384: 'P-384' }[key.type],
    signature: { es256: 'ES256', es384: 'ES384', ps384: 'RSA-PSS SHA-384' }[algorithm],
    authority: isAuthority,
    fingerprint: fingerprint(certificate, nodeCrypto),
  }
}

export function told(bytes: Uint8Array | null): string {
  if (bytes === null) return 'none'
  return bytes.length === 0 ? 'empty' : hex(bytes)
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function mapKind(payload: Uint8Array): string {
  return payload[0] === 0xbf ? 'a map of indefinite length' : 'a map of definite length'
}
