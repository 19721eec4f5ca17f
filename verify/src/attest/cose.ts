import { equalBytes } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'

/** A COSE_Sign1 document taken apart (RFC 9052, section 4.2): payload bytes and signature r|s. */
export type Sign1 = { payload: Uint8Array; signature: Uint8Array }

/** What a document says in its protected header of how it is signed, all of its bytes, and how long that signature is. */
export type CoseAlgorithm = { name: string; header: Uint8Array; signatureSize: number }

/** `{1: -7}`: the simulated security module's, so that neither its documents nor AWS Nitro's verify as the other. */
export const ES256: CoseAlgorithm = {
  name: 'ES256',
  header: Uint8Array.of(0xa1, 0x01, 0x26),
  signatureSize: 64,
}

/** `{1: -35}`: AWS Nitro's. */
export const ES384: CoseAlgorithm = {
  name: 'ES384',
  header: Uint8Array.of(0xa1, 0x01, 0x38, 0x22),
  signatureSize: 96,
}

/** The bytes that are signed: Sig_structure (RFC 9052, section 4.4), no external data. */
export function sign1Message(payload: Uint8Array, algorithm: CoseAlgorithm = ES256): Uint8Array {
  return encodeCbor(['Signature1', algorithm.header, new Uint8Array(0), payload])
}

/** The untagged document: an array of four. */
export function encodeSign1(document: Sign1, algorithm: CoseAlgorithm = ES256): Uint8Array {
  return encodeCbor([algorithm.header, new Map(), document.payload, document.signature])
}

/**
 * Takes a document apart; the signature is not checked.
 * @throws NacreError too-large, invalid-cbor, invalid-cose (shape, another algorithm, unprotected headers)
 */
export function decodeSign1(bytes: Uint8Array, maxBytes: number, algorithm: CoseAlgorithm = ES256): Sign1 {
  const { name, header: expected, signatureSize } = algorithm
  const invalid = (reason: string): NacreError =>
    new NacreError('invalid-cose', `not an ${name} COSE_Sign1 document: ${reason}`)
  const document = decodeCbor(bytes, { maxBytes, maxDepth: 2 })
  if (!Array.isArray(document) || document.length !== 4) throw invalid('it is no array of four')
  const [header, unprotected, payload, signature] = document
  if (!(header instanceof Uint8Array)) throw invalid('the protected header is no byte string')
  if (!equalBytes(header, expected)) throw invalid(`the protected header does not say ${name} alone`)
  if (!(unprotected instanceof Map) || unprotected.size > 0)
    throw invalid('the unprotected header is not empty')
  if (!(payload instanceof Uint8Array)) throw invalid('the payload is no byte string')
  if (!(signature instanceof Uint8Array) || signature.length !== signatureSize)
    throw invalid(`the signature is not ${signatureSize} bytes`)
  return { payload, signature }
}
