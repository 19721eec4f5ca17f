import { sha384, sha512 } from '@noble/hashes/sha2.js'
import { type CryptoProvider, nobleCrypto } from '../crypto.ts'
import { verifyP384 } from '../ecdsa.ts'
import { type RsaKey, verifyPss } from './rsa.ts'

/**
 * What evidence of real TEEs is signed with, beside what receipts need: apart, so that a page that verifies receipts
 * does not load it. Every function is synchronous and returns false for a signature or key that is malformed.
 */
export type EvidenceCrypto = CryptoProvider & {
  sha512(bytes: Uint8Array): Uint8Array
  /** ECDSA over P-384 and SHA-384 of the message (RFC 9053, ES384): signature r|s (96 bytes), key 97 bytes 04|x|y. Any s. */
  verifyEs384(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean
  /** RSASSA-PSS (RFC 8017, section 8.1.2) with SHA-384, MGF1 of SHA-384 and a salt of 48 bytes. */
  verifyPs384(message: Uint8Array, signature: Uint8Array, publicKey: RsaKey): boolean
}

/** The default provider: noble and BigInt, in Node and in browsers. */
export const defaultEvidenceCrypto: EvidenceCrypto = {
  ...nobleCrypto,
  sha512,
  verifyEs384: (message, signature, publicKey) =>
    attempt(() => verifyP384(sha384(message), signature, publicKey)),
  verifyPs384: (message, signature, publicKey) =>
    attempt(() => verifyPss(message, signature, publicKey, sha384)),
}

/** The default provider with the caller's replacements. */
export function withEvidenceDefaults(crypto: Partial<EvidenceCrypto> = {}): EvidenceCrypto {
  return { ...defaultEvidenceCrypto, ...crypto }
}

function attempt(verify: () => boolean): boolean {
  try {
    return verify()
  } catch {
    return false
  }
}
