import { equalBytes } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'

/** An ES256 COSE_Sign1 document taken apart (RFC 9052, section 4.2): payload bytes and signature r|s (64 bytes). */
export type Sign1 = { payload: Uint8Array; signature: Uint8Array }

/** Protected header `{1: -7}`: ES256. AWS Nitro's is `{1: -35}`, ES384, so that neither verifies as the other. */
const ES256_HEADER = Uint8Array.of(0xa1, 0x01, 0x26)

/** The bytes that are signed: Sig_structure (RFC 9052, section 4.4), no external data. */
export function sign1Message(payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', ES256_HEADER, new Uint8Array(0), payload])
}

/** The untagged document: an array of four. */
export function encodeSign1(document: Sign1): Uint8Array {
  return encodeCbor([ES256_HEADER, new Map(), document.payload, document.signature])
}

/**
 * Takes a document apart; the signature is not checked.
 * @throws NacreError too-large, invalid-cbor, invalid-cose (shape, another algorithm, unprotected headers)
 */
export function decodeSign1(bytes: Uint8Array, maxBytes: number): Sign1 {
  const document = decodeCbor(bytes, { maxBytes, maxDepth: 2 })
  if (!Array.isArray(document) || document.length !== 4) throw invalid('it is no array of four')
  const [header, unprotected, payload, signature] = document
  if (!(header instanceof Uint8Array)) throw invalid('the protected header is no byte string')
  if (!equalBytes(header, ES256_HEADER)) throw invalid('the protected header is not {1: -7}, ES256')
  if (!(unprotected instanceof Map) || unprotected.size > 0)
    throw invalid('the unprotected header is not empty')
  if (!(payload instanceof Uint8Array)) throw invalid('the payload is no byte string')
  if (!(signature instanceof Uint8Array) || signature.length !== 64)
    throw invalid('the signature is not 64 bytes')
  return { payload, signature }
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-cose', `not an ES256 COSE_Sign1 document: ${reason}`)
}
