import { randomBytes } from 'node:crypto'
import { nobleSign, toHex } from '@nacre/verify'
import { expect, test } from 'vitest'
import { makeReceiptKey, sign } from './keys.ts'

test('signatures are noble’s, byte for byte: both are RFC 6979 with a low s', () => {
  for (let i = 0; i < 50; i++) {
    const { privateKey } = makeReceiptKey()
    const digest = new Uint8Array(randomBytes(32))
    const [one, other] = [sign(digest, privateKey), nobleSign(digest, privateKey)]
    expect([toHex(one.signature), one.recovery]).toEqual([toHex(other.signature), other.recovery])
  }
})

test('each key is another', () => {
  expect(makeReceiptKey().address).not.toBe(makeReceiptKey().address)
})
