import { concat, equalBytes, fromUtf8, type Hex, toHex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { type Der, readAll, readBytes, readOne, readTime, readUnsigned, TAG } from './der.ts'

/** What attestation needs of an X.509 v3 certificate (RFC 5280); times in seconds since 1970, both inclusive. */
export type Certificate = {
  /** The signed part, and its signature as r|s (64 bytes). */
  signed: Uint8Array
  signature: Uint8Array
  issuer: Uint8Array
  subject: Uint8Array
  commonName: string | undefined
  notBefore: bigint
  notAfter: bigint
  /** P-256, uncompressed (65 bytes). */
  publicKey: Uint8Array
  isAuthority: boolean
  /** Longest chain of authorities below this one. */
  maxPathLength: number | undefined
  mayCertify: boolean
  maySign: boolean
  mayRevoke: boolean
}

export const MAX_CERTIFICATE = 1024

export type Extensions = Pick<
  Certificate,
  'isAuthority' | 'maxPathLength' | 'mayCertify' | 'maySign' | 'mayRevoke'
>

// Object identifiers as the bytes of their content.
const ECDSA_SHA256: Hex = '0x2a8648ce3d040302'
const EC_PUBLIC_KEY: Hex = '0x2a8648ce3d0201'
const PRIME256V1: Hex = '0x2a8648ce3d030107'
const COMMON_NAME: Hex = '0x550403'
export const KEY_USAGE: Hex = '0x551d0f'
const BASIC_CONSTRAINTS: Hex = '0x551d13'

/**
 * Parses a certificate; its signature is not checked.
 * @throws NacreError too-large, invalid-certificate (not strict DER, another algorithm, an unknown critical extension)
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const parts = takeApart(der, MAX_CERTIFICATE)
  requireEcdsaSha256(parts.algorithm)
  return {
    signed: parts.signed,
    signature: readSignature(parts.signature, 32),
    issuer: parts.issuer,
    subject: parts.subject,
    commonName: readCommonName(parts.subject),
    notBefore: parts.notBefore,
    notAfter: parts.notAfter,
    publicKey: readKey(parts.keyAlgorithm, parts.key),
    ...readExtensions(parts.extensions),
  }
}

/** The parts of any X.509 v3 certificate, algorithms and keys uninterpreted: contents of their elements. */
export type CertificateParts = {
  signed: Uint8Array
  /** AlgorithmIdentifier, the same inside and outside of what is signed. */
  algorithm: Uint8Array
  signature: Uint8Array
  /** Magnitude, 20 bytes. */
  serial: Uint8Array
  issuer: Uint8Array
  subject: Uint8Array
  notBefore: bigint
  notAfter: bigint
  /** SubjectPublicKeyInfo: all of its bytes, its AlgorithmIdentifier, and the key. */
  spki: Uint8Array
  keyAlgorithm: Uint8Array
  key: Uint8Array
  extensions: Extension[]
}

export type Extension = { id: Hex; critical: boolean; value: Uint8Array }

/** @throws NacreError too-large, invalid-certificate (not strict DER, not version 3, an extension twice) */
export function takeApart(der: Uint8Array, maxBytes: number): CertificateParts {
  if (der.length > maxBytes) {
    throw new NacreError('too-large', `certificate of ${der.length} bytes, at most ${maxBytes}`)
  }
  const [signed, outerAlgorithm, signature] = elements(readOne(der, TAG.sequence), 3)
  const [version, serial, innerAlgorithm, issuer, validity, subject, spki, extensions] = elements(
    content(signed, TAG.sequence),
    8,
  )
  if (toHex(content(version, TAG.context0)) !== '0x020102') throw invalid('it is not of version 3')
  const algorithm = content(outerAlgorithm, TAG.sequence)
  if (!equalBytes(algorithm, content(innerAlgorithm, TAG.sequence)))
    throw invalid('its two signature algorithms differ')
  const [notBefore, notAfter] = elements(content(validity, TAG.sequence), 2)
  const [keyAlgorithm, key] = elements(content(spki, TAG.sequence), 2)
  return {
    signed: (signed as Der).bytes,
    algorithm,
    signature: readBytes(content(signature, TAG.bitString)),
    serial: readUnsigned(content(serial, TAG.integer), 20),
    issuer: content(issuer, TAG.sequence),
    subject: content(subject, TAG.sequence),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    spki: (spki as Der).bytes,
    keyAlgorithm: content(keyAlgorithm, TAG.sequence),
    key: readBytes(content(key, TAG.bitString)),
    extensions: splitExtensions(readOne(content(extensions, TAG.context3), TAG.sequence)),
  }
}

function readKey(algorithm: Uint8Array, point: Uint8Array): Uint8Array {
  const [id, curve] = elements(algorithm, 2)
  if (toHex(content(id, TAG.oid)) !== EC_PUBLIC_KEY) throw invalid('its key is not elliptic')
  if (toHex(content(curve, TAG.oid)) !== PRIME256V1) throw invalid('its key is not on P-256')
  if (point.length !== 65 || point[0] !== 4) throw invalid('its key is not an uncompressed point')
  return point
}

/** An ECDSA signature in DER as r|s, each of `size` bytes. */
export function readSignature(der: Uint8Array, size: number): Uint8Array {
  const [r, s] = elements(readOne(der, TAG.sequence), 2)
  return concat(readUnsigned(content(r, TAG.integer), size), readUnsigned(content(s, TAG.integer), size))
}

/** Of a name as `X509.subject` has it. @throws NacreError invalid-certificate, invalid-text */
export function readCommonName(name: Uint8Array): string | undefined {
  for (const relative of readAll(name)) {
    for (const attribute of readAll(content(relative, TAG.set))) {
      const [type, value] = elements(content(attribute, TAG.sequence), 2)
      if (toHex(content(type, TAG.oid)) === COMMON_NAME) return readText(value as Der)
    }
  }
  return undefined
}

function readText(element: Der): string {
  if (element.tag === TAG.utf8String || element.tag === TAG.printableString) return fromUtf8(element.content)
  throw invalid('a name is neither UTF8String nor PrintableString')
}

/** Of a SEQUENCE OF Extension; each may occur once. */
export function splitExtensions(bytes: Uint8Array): Extension[] {
  const seen = new Set<Hex>()
  return readAll(bytes).map(extension => {
    const parts = readAll(content(extension, TAG.sequence))
    const critical = parts.length === 3 && equalBytes(content(parts[1], TAG.boolean), Uint8Array.of(0xff))
    if (parts.length !== (critical ? 3 : 2)) throw invalid('an extension is malformed')
    const id = toHex(content(parts[0], TAG.oid))
    if (seen.has(id)) throw invalid('an extension occurs twice')
    seen.add(id)
    return { id, critical, value: content(parts.at(-1), TAG.octetString) }
  })
}

/** What a chain needs of the extensions; `known` are the further critical ones that the caller looks at. */
export function readExtensions(extensions: Extension[], known: readonly Hex[] = []): Extensions {
  const found: Extensions = {
    isAuthority: false,
    maxPathLength: undefined,
    mayCertify: false,
    maySign: false,
    mayRevoke: false,
  }
  for (const { id, critical, value } of extensions) {
    if (id === BASIC_CONSTRAINTS) Object.assign(found, readBasicConstraints(value))
    else if (id === KEY_USAGE) Object.assign(found, readKeyUsage(value))
    else if (critical && !known.includes(id)) throw invalid(`critical extension ${id} is unknown`)
  }
  return found
}

function readBasicConstraints(value: Uint8Array): Pick<Extensions, 'isAuthority' | 'maxPathLength'> {
  const [authority, pathLength, ...rest] = readAll(readOne(value, TAG.sequence))
  if (!authority) return { isAuthority: false, maxPathLength: undefined }
  const flag = toHex(content(authority, TAG.boolean))
  if (flag !== '0xff' || rest.length > 0) throw invalid('its basic constraints are malformed')
  if (!pathLength) return { isAuthority: true, maxPathLength: undefined }
  return { isAuthority: true, maxPathLength: readUnsigned(content(pathLength, TAG.integer), 1)[0] }
}

/** Bit 0 is digitalSignature, 5 keyCertSign, 6 cRLSign (RFC 5280, section 4.2.1.3). */
function readKeyUsage(value: Uint8Array): Pick<Extensions, 'maySign' | 'mayCertify' | 'mayRevoke'> {
  const [unused = 8, first = 0, second] = readOne(value, TAG.bitString)
  const padding = first & ((1 << unused) - 1)
  if (unused > 7 || padding !== 0 || second !== undefined) throw invalid('its key usage is malformed')
  return { maySign: (first & 0x80) !== 0, mayCertify: (first & 0x04) !== 0, mayRevoke: (first & 0x02) !== 0 }
}

function requireEcdsaSha256(algorithm: Uint8Array): void {
  if (toHex(readOne(algorithm, TAG.oid)) !== ECDSA_SHA256)
    throw invalid('it is not signed with ECDSA and SHA-256')
}

export function elements(bytes: Uint8Array, count: number): Der[] {
  const all = readAll(bytes)
  if (all.length !== count) throw invalid(`expected ${count} elements, found ${all.length}`)
  return all
}

export function content(element: Der | undefined, tag: number): Uint8Array {
  if (element?.tag === tag) return element.content
  throw invalid(
    `expected tag 0x${tag.toString(16)}, found ${element ? `0x${element.tag.toString(16)}` : 'nothing'}`,
  )
}

export function invalid(reason: string): NacreError {
  return new NacreError('invalid-certificate', `not a certificate that attestation uses: ${reason}`)
}
