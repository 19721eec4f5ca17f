import { equalBytes, type Hex, toHex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { readAll, readOne, readUnsigned, TAG } from './der.ts'
import { oid } from './oid.ts'
import type { RsaKey } from './rsa.ts'
import { content, elements, KEY_USAGE, readExtensions, readSignature, takeApart } from './x509.ts'

export type SignatureAlgorithm = 'es256' | 'es384' | 'ps384'

/** A public key: a point 04|x|y, or an RSA key. */
export type PublicKey = { type: 'p256' | 'p384'; point: Uint8Array } | { type: 'rsa'; rsa: RsaKey }

/**
 * An X.509 v3 certificate (RFC 5280) as the vendors of TEEs issue them: keys on P-256 or P-384 or of RSA, signed with
 * ES256, ES384 or RSA-PSS of SHA-384. Times in seconds since 1970, both inclusive.
 */
export type X509 = {
  der: Uint8Array
  /** The signed part. */
  signed: Uint8Array
  algorithm: SignatureAlgorithm
  /** r|s, or the bytes of an RSA signature. */
  signature: Uint8Array
  /** Lower-case hex of 20 bytes, to compare with a revocation list's. */
  serial: Hex
  issuer: Uint8Array
  subject: Uint8Array
  notBefore: bigint
  notAfter: bigint
  key: PublicKey
  /** SubjectPublicKeyInfo in DER, which is hashed to pin a key. */
  spki: Uint8Array
  isAuthority: boolean
  /** Longest chain of authorities below this one. */
  maxPathLength: number | undefined
  hasKeyUsage: boolean
  mayCertify: boolean
  maySign: boolean
  mayRevoke: boolean
  /** Values of all extensions, by `oid('1.2.3')`. */
  extensions: ReadonlyMap<Hex, Uint8Array>
}

export type X509Options = {
  /** Longest certificate, bytes. Default 4,096. */
  maxBytes?: number
  /** Critical extensions that the caller looks at itself; all others are refused. */
  known?: readonly Hex[]
}

const PSS_SHA384 = '06092a864886f70d01010a'
const SHA384_ID = '300d06096086480165030402020500'
const MGF1_SHA384 = `301a06092a864886f70d010108${SHA384_ID}`
const PSS_PARAMETERS = `a00f${SHA384_ID}a11c${MGF1_SHA384}a203020130`

/** AlgorithmIdentifiers, all of their bytes. AMD writes the default trailer field out in some certificates. */
const ALGORITHMS: Record<string, SignatureAlgorithm> = {
  '06082a8648ce3d040302': 'es256',
  '06082a8648ce3d040303': 'es384',
  [`${PSS_SHA384}3034${PSS_PARAMETERS}`]: 'ps384',
  [`${PSS_SHA384}3039${PSS_PARAMETERS}a303020101`]: 'ps384',
}
const KEYS: Record<string, 'p256' | 'p384' | 'rsa'> = {
  '06072a8648ce3d020106082a8648ce3d030107': 'p256',
  '06072a8648ce3d020106052b81040022': 'p384',
  '06092a864886f70d0101010500': 'rsa',
}

/**
 * Parses a certificate; its signature is not checked.
 * @throws NacreError too-large, invalid-certificate (not strict DER, another algorithm, an unknown critical extension)
 */
export function parseX509(der: Uint8Array, { maxBytes = 4096, known = [] }: X509Options = {}): X509 {
  const parts = takeApart(der, maxBytes)
  const algorithm = algorithmOf(parts.algorithm)
  return {
    der,
    signed: parts.signed,
    algorithm,
    signature: signatureOf(parts.signature, algorithm),
    serial: toHex(parts.serial),
    issuer: parts.issuer,
    subject: parts.subject,
    notBefore: parts.notBefore,
    notAfter: parts.notAfter,
    key: keyOf(parts.keyAlgorithm, parts.key),
    spki: parts.spki,
    ...readExtensions(parts.extensions, known),
    hasKeyUsage: parts.extensions.some(({ id }) => id === KEY_USAGE),
    extensions: new Map(parts.extensions.map(({ id, value }) => [id, value])),
  }
}

/** Whether a key made a signature; an algorithm and a key that do not fit each other give false. */
export function isSignedBy(
  crypto: EvidenceCrypto,
  { signed, algorithm, signature }: Pick<X509, 'signed' | 'algorithm' | 'signature'>,
  key: PublicKey,
): boolean {
  if (algorithm === 'es256' && key.type === 'p256') return crypto.verifyEs256(signed, signature, key.point)
  if (algorithm === 'es384' && key.type === 'p384') return crypto.verifyEs384(signed, signature, key.point)
  if (algorithm === 'ps384' && key.type === 'rsa') return crypto.verifyPs384(signed, signature, key.rsa)
  return false
}

/** The content of an AlgorithmIdentifier. @throws NacreError invalid-certificate */
export function algorithmOf(bytes: Uint8Array): SignatureAlgorithm {
  const name = toHex(bytes).slice(2)
  const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined
  if (algorithm) return algorithm
  throw new NacreError('invalid-certificate', 'it is signed with neither ES256, ES384 nor RSA-PSS of SHA-384')
}

/** @throws NacreError invalid-certificate */
export function signatureOf(bytes: Uint8Array, algorithm: SignatureAlgorithm): Uint8Array {
  if (algorithm === 'ps384') return bytes
  return readSignature(bytes, algorithm === 'es256' ? 32 : 48)
}

/**
 * A name for people, such as `CN=ARK-Milan, O=Advanced Micro Devices`. Names are compared as bytes.
 * @throws NacreError invalid-certificate
 */
export function nameOf(name: Uint8Array): string {
  const attributes = readAll(name).flatMap(relative => readAll(content(relative, TAG.set)))
  return attributes
    .map(attribute => {
      const [type, value] = elements(content(attribute, TAG.sequence), 2)
      const id = toHex(content(type, TAG.oid))
      const text = String.fromCharCode(...(value?.content.subarray(0, 128) ?? []))
      return `${ATTRIBUTES[id] ?? id}=${text.replace(/[^ -~]/g, '?')}`
    })
    .join(', ')
}

const ATTRIBUTES: Record<string, string> = {
  [oid('2.5.4.3')]: 'CN',
  [oid('2.5.4.5')]: 'serialNumber',
  [oid('2.5.4.6')]: 'C',
  [oid('2.5.4.7')]: 'L',
  [oid('2.5.4.8')]: 'ST',
  [oid('2.5.4.10')]: 'O',
  [oid('2.5.4.11')]: 'OU',
}

function keyOf(algorithm: Uint8Array, key: Uint8Array): PublicKey {
  const name = toHex(algorithm).slice(2)
  const type = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined
  if (type === 'rsa') return { type, rsa: rsaKeyOf(key) }
  const size = type === 'p256' ? 65 : 97
  if (type && key.length === size && key[0] === 4) return { type, point: key }
  throw new NacreError('invalid-certificate', 'its key is neither on P-256, on P-384 nor of RSA')
}

/** RSAPublicKey (RFC 8017, appendix A.1.1). */
function rsaKeyOf(bytes: Uint8Array): RsaKey {
  const [modulus, exponent] = elements(readOne(bytes, TAG.sequence), 2)
  const padded = readUnsigned(content(modulus, TAG.integer), 512)
  const [high = 0, middle = 0, low = 0] = readUnsigned(content(exponent, TAG.integer), 3)
  return {
    modulus: padded.subarray(padded.findIndex(byte => byte !== 0)),
    exponent: (high << 16) | (middle << 8) | low,
  }
}

/** The DER of certificates in PEM (RFC 7468), in their order. @throws NacreError invalid-certificate, too-large */
export function parsePem(text: string, maxCertificates = 16): Uint8Array[] {
  const blocks = [
    ...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g),
  ]
  if (blocks.length === 0) throw new NacreError('invalid-certificate', 'there is no PEM certificate')
  if (blocks.length > maxCertificates)
    throw new NacreError('too-large', `${blocks.length} PEM certificates, at most ${maxCertificates}`)
  return blocks.map(([, body = '']) => decodeBase64(body.replace(/\s/g, '')))
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** @throws NacreError invalid-certificate for anything but canonical base64 (RFC 4648, section 4) */
export function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/={1,2}$/, '')
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (const digit of digits) {
    const value = BASE64.indexOf(digit)
    if (value < 0) throw new NacreError('invalid-certificate', 'not base64')
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (held >> bits) & 0xff
    }
  }
  const canonical = text.length % 4 === 0 && (held & ((1 << bits) - 1)) === 0
  if (!canonical) throw new NacreError('invalid-certificate', 'not canonical base64')
  return bytes
}

/** SHA-256 of a certificate, lower-case hex: its fingerprint. */
export function fingerprint({ der }: X509, { sha256 }: EvidenceCrypto): string {
  return toHex(sha256(der)).slice(2)
}

/** Whether two certificates are the same bytes. */
export function sameCertificate(a: X509, b: X509): boolean {
  return equalBytes(a.der, b.der)
}

/** A time in seconds for people. */
export function iso(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000)
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : date.toISOString().replace('.000', '')
}
