import type { Tee } from '@nacre/verify'
import { fingerprint, iso, nameOf, parseX509, type X509 } from '@nacre/verify/attest/certificate'
import { decodeSign1, ES256, ES384 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { MAX_NITRO_EVIDENCE } from '@nacre/verify/attest/nitro'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
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

export const EXPLAINERS: Partial<Record<Tee, Explain>> = {
  nitro: explainNitro,
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
