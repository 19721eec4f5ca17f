import { type CborValue, decodeCbor } from '../attest/cbor.ts'
import { parsePem } from '../attest/certificate.ts'
import { NacreError } from '../errors.ts'
import { invalidEif } from './error.ts'

/** The certificate of who signed an image, in DER, and the COSE_Sign1 document of its key. Neither is checked. */
export type EifSignature = { certificate: Uint8Array; document: Uint8Array }

/** Longest section, bytes. */
export const MAX_SIGNATURE = 32_768

/**
 * The section's CBOR: `[{signing_certificate, signature}]`, a certificate in PEM and a document, both as arrays of
 * numbers, as AWS's encoder writes bytes. It may hold more than one; Nitro looks at the first, so there is no other.
 * @throws NacreError too-large, invalid-text, invalid-cbor, invalid-certificate, invalid-eif
 */
export function parseSignature(bytes: Uint8Array): EifSignature {
  if (bytes.length > MAX_SIGNATURE)
    throw new NacreError('too-large', `signature is longer than ${MAX_SIGNATURE} bytes`)
  const list = decodeCbor(bytes, { maxBytes: MAX_SIGNATURE, maxDepth: 3 })
  if (!Array.isArray(list) || list.length !== 1) throw invalidEif('its signature is no array of one')
  const [entry] = list
  if (!(entry instanceof Map) || entry.size !== 2) throw invalidEif('its signature is no map of two')
  const document = bytesOf(entry.get('signature'))
  const pem = String.fromCharCode(...bytesOf(entry.get('signing_certificate')))
  const [certificate] = parsePem(pem, 1)
  return { certificate: certificate as Uint8Array, document }
}

function bytesOf(value: CborValue | undefined): Uint8Array {
  const isBytes = (list: CborValue[]): list is number[] =>
    list.every(item => typeof item === 'number' && item >= 0 && item <= 255)
  if (Array.isArray(value) && isBytes(value)) return Uint8Array.from(value)
  throw invalidEif('certificate and signature are no arrays of bytes')
}
