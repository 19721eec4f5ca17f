import { p256, p384 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'

/** Deterministic signing for tests and vectors (RFC 6979); signatures r|s. Production code never signs with P-256. */
export type SigningKey = { privateKey: Uint8Array; publicKey: Uint8Array }

/** A P-256 key made of a text; the public key is uncompressed. */
export function signingKey(seed: string): SigningKey {
  const privateKey = sha256(new TextEncoder().encode(seed))
  return { privateKey, publicKey: p256.getPublicKey(privateKey, false) }
}

export function signEs256(message: Uint8Array, key: SigningKey): Uint8Array {
  return p256.sign(message, key.privateKey, { lowS: true })
}

/** The other signature of the same message: s replaced by n - s. */
export function highS(signature: Uint8Array): Uint8Array {
  const { r, s } = p256.Signature.fromBytes(signature)
  return new p256.Signature(r, p256.Point.Fn.neg(s)).toBytes()
}

/** ES384, as AWS Nitro signs: P-384 over SHA-384, 96 bytes. */
export function signEs384(message: Uint8Array, seed: string): Uint8Array {
  return signEs384With(message, signingKey384(seed))
}

/** Uncompressed public key of a secp256k1 private key. */
export function secp256k1PublicKey(privateKey: Uint8Array): Uint8Array {
  return secp256k1.getPublicKey(privateKey, false)
}

/** The other signature r|s|v of the same secp256k1 message: s replaced by n - s, v flipped. */
export function highSReceipt(signature: string): `0x${string}` {
  const s = secp256k1.Point.Fn.neg(BigInt(`0x${signature.slice(66, 130)}`))
  const v = signature.endsWith('1b') ? '1c' : '1b'
  return `${signature.slice(0, 66) as `0x${string}`}${s.toString(16).padStart(64, '0')}${v}`
}

/** A P-384 key made of a text; the public key is uncompressed. */
export function signingKey384(seed: string): SigningKey {
  const privateKey = new Uint8Array(48).fill(1)
  privateKey.set(sha256(new TextEncoder().encode(seed)), 16)
  return { privateKey, publicKey: p384.getPublicKey(privateKey, false) }
}

/** ES384; s as it comes, low or high. */
export function signEs384With(message: Uint8Array, key: SigningKey): Uint8Array {
  return p384.sign(message, key.privateKey, { lowS: false })
}

/** The other ES384 signature of the same message. */
export function otherEs384(signature: Uint8Array): Uint8Array {
  const { r, s } = p384.Signature.fromBytes(signature)
  return new p384.Signature(r, p384.Point.Fn.neg(s)).toBytes()
}
