import { createECDH } from 'node:crypto'
import { addressOf, type CryptoProvider, type Hex, type SignSecp256k1 } from '@nacre/verify'
import { recover as recoverKey, signRecoverable } from 'tiny-secp256k1'

/** The receipt key. It is made here, lives in this process's memory only, and ends with it. */
export type ReceiptKey = { privateKey: Uint8Array; address: Hex }

/** A fresh secp256k1 key from OpenSSL's generator, which the kernel seeds. */
export function makeReceiptKey(): ReceiptKey {
  const pair = createECDH('secp256k1')
  const publicKey = pair.generateKeys()
  const digits = pair.getPrivateKey()
  const privateKey = new Uint8Array(32)
  privateKey.set(digits, 32 - digits.length)
  return { privateKey, address: addressOf(new Uint8Array(publicKey)) }
}

/** libsecp256k1: deterministic (RFC 6979), low-s, and in constant time, which BigInt arithmetic in JavaScript is not. */
export const sign: SignSecp256k1 = (digest, privateKey) => {
  const { signature, recoveryId } = signRecoverable(digest, privateKey)
  if (recoveryId > 1) throw new Error('a signature whose r exceeds the order cannot be encoded in a receipt')
  return { signature, recovery: recoveryId as 0 | 1 }
}

/** Public key of a signature, uncompressed; throws when there is none. */
export const recover: CryptoProvider['recoverSecp256k1'] = (digest, signature, recovery) => {
  const key = recoverKey(digest, signature, recovery)
  if (!key) throw new Error('no key made this signature')
  return key
}
