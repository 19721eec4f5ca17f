import { createECDH } from 'node:crypto'
import { addressOf, type Hex } from '@nacre/verify'

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
