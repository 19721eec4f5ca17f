import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256, sha384 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { recoverSecp256k1, verifyP256 } from './ecdsa.ts'

/**
 * The primitives that verification needs. Pass a part of it to replace the default (noble, pure JavaScript) by a
 * faster one, such as one made of node:crypto. Every function is synchronous and must not throw on bad input where
 * it can return false.
 */
export type CryptoProvider = {
  sha256(bytes: Uint8Array): Uint8Array
  sha384(bytes: Uint8Array): Uint8Array
  keccak256(bytes: Uint8Array): Uint8Array
  /** ECDSA over P-256 and SHA-256 of the message (RFC 9053, ES256): signature r|s (64 bytes), key 65 bytes 04|x|y.
   * Any s is accepted, as COSE and X.509 do. */
  verifyEs256(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean
  /** Uncompressed public key (65 bytes) of a secp256k1 signature r|s over a digest; throws when there is none. */
  recoverSecp256k1(digest: Uint8Array, signature: Uint8Array, recovery: 0 | 1): Uint8Array
}

/** The default provider. */
export const nobleCrypto: CryptoProvider = {
  sha256,
  sha384,
  keccak256: keccak_256,
  verifyEs256(message, signature, publicKey) {
    try {
      return verifyP256(sha256(message), signature, publicKey)
    } catch {
      return false
    }
  },
  recoverSecp256k1,
}

/** Signature r|s (64 bytes, low-s, RFC 6979 nonce) over a digest, and which of two points its r is. */
export type SignSecp256k1 = (
  digest: Uint8Array,
  privateKey: Uint8Array,
) => { signature: Uint8Array; recovery: 0 | 1 }

/** noble's signatures; BigInt arithmetic is not in constant time. */
export const nobleSign: SignSecp256k1 = (digest, privateKey) => {
  const signed = secp256k1.sign(digest, privateKey, { prehash: false, format: 'recovered' })
  return { signature: signed.subarray(1), recovery: signed[0] as 0 | 1 }
}

/** The default provider with the caller's replacements. */
export function withDefaults(crypto: Partial<CryptoProvider> = {}): CryptoProvider {
  return { ...nobleCrypto, ...crypto }
}
