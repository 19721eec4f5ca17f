import { concat, type EvidenceCrypto, type Hex, toHex } from '@nacre/verify'
import { keccak256 } from '@nacre/verify/hash'
import { nodeCrypto } from '../../../../cli/src/nodeCrypto.ts'
import { type Signer, signRaw } from '../../../../test/mock-authority/x509.ts'

/** How certificates and documents are signed, and what believes it off chain. */
export type Scheme = {
  name: string
  sign(message: Uint8Array, signer: Signer, point: Uint8Array): Uint8Array
  crypto: Partial<EvidenceCrypto>
}

/** P-384 with SHA-384. */
export const es384: Scheme = {
  name: 'P-384',
  sign: (message, signer) => signRaw(message, signer),
  crypto: nodeCrypto,
}

/**
 * What stands in for P-384 and SHA-384 where only parsers and rules are looked at, so that a case takes milliseconds:
 * r and s are both keccak256 of the message's hash and the key, so anyone can sign, and a signature of other bytes or
 * by another key is wrong all the same.
 */
export const stampScheme: Scheme = {
  name: 'stamps',
  sign: (message, _, point) => stamp(message, point),
  crypto: {
    ...nodeCrypto,
    verifyEs384: (message, signature, point) => toHex(stamp(message, point)) === toHex(signature),
    // Off chain there is ES256 too: its numbers are 32 bytes long, as keccak256 is.
    verifyEs256(message, signature, point) {
      const number = stamp(message, point).subarray(16, 48)
      return toHex(concat(number, number)) === toHex(signature)
    },
  },
}

function stamp(message: Uint8Array, point: Uint8Array): Uint8Array {
  const zeros = new Uint8Array(16)
  const hash = concat(bytesOf(keccak256(message)), zeros)
  const number = concat(zeros, bytesOf(keccak256(concat(hash, point.subarray(1)))))
  return concat(number, number)
}

function bytesOf(hex: Hex): Uint8Array {
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
}

/** ISha384's place: hash(bytes, bytes32[2]) returns keccak256 of the message, and 16 zeros. */
export const STAMP_HASH: Hex = code(
  '606435', // length, at 4 + 3 words
  '80 6084 5f 37', // calldatacopy(0, 0x84, length)
  '5f 20', // keccak256(0, length)
  '5f 52 5f 6020 52 6040 5f f3', // return (hash, 0)
)

/** IP384's place: check(bytes e | r | s | q, bytes) reverts with NotProven unless r and s are keccak256(e | q). */
export const STAMP_CURVE: Hex = code(
  '6030 6064 5f 37', // e
  '6060 60f4 6030 37', // q
  '6090 5f 20', // their hash
  '80 60a4 35 18', // its difference from r's low 32 bytes
  '90 60d4 35 18 17', // and from s's
  '6094 35 6080 1c 17 60c4 35 6080 1c 17', // and their high 16 bytes
  '15 603c 57', // none: the end
  `63 ${notProven()} 60e0 1b 5f 52 6004 5f fd`,
  '5b 00',
)

function notProven(): string {
  return keccak256(new TextEncoder().encode('NotProven()')).slice(2, 10)
}

function code(...parts: string[]): Hex {
  return `0x${parts.join('').replaceAll(' ', '')}`
}
