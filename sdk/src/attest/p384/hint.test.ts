import { concat, fromHex, sha384, toHex, utf8 } from '@nacre/verify'
import { p384 } from '@noble/curves/nist.js'
import { describe, expect, test } from 'vitest'
import { N, P } from './curve.ts'
import { proveP384 } from './hint.ts'

const secret = new Uint8Array(48).fill(7)

describe('a hint', () => {
  test('has its parts, and room for K, whatever the signature', () => {
    for (const text of ['one', 'two', 'three']) {
      const hint = proveP384(sign(text))
      const operations = hint[1]!
      const k = hint.length - 154 - 2 * operations - 48 * (209 + operations)
      expect(operations).toBeLessThan(130)
      expect(k % 32).toBe(0)
      expect(k).toBeLessThanOrEqual(512)
    }
  })

  test('exists for the twin of a signature, (r, n - s)', () => {
    const statement = sign('twin')
    const s = BigInt(toHex(statement.subarray(96, 144)))
    expect(proveP384(withNumber(statement, 96, N - s)).length).toBeGreaterThan(15_000)
  })

  test('does not exist for what is not a signature', () => {
    const statement = sign('valid')
    const cases: [string, Uint8Array][] = [
      ['another message', withNumber(statement, 0, 1n)],
      ['r of zero', withNumber(statement, 48, 0n)],
      ['r of n', withNumber(statement, 48, N)],
      ['s of zero', withNumber(statement, 96, 0n)],
      ['s of n', withNumber(statement, 96, N)],
      ['a key beside the curve', withNumber(statement, 192, 1n)],
      ['a coordinate of p', withNumber(statement, 144, P)],
      ['a byte too few', statement.subarray(1)],
    ]
    for (const [, wrong] of cases)
      expect(() => proveP384(wrong)).toThrow(expect.objectContaining({ code: 'invalid-signature' }))
  })
})

function sign(text: string): Uint8Array {
  const digest = sha384(utf8(text))
  const signature = p384.sign(digest, secret, { prehash: false, lowS: false })
  const { x, y } = p384.Point.fromBytes(p384.getPublicKey(secret)).toAffine()
  return concat(digest, signature, number(x), number(y))
}

function withNumber(statement: Uint8Array, offset: number, value: bigint): Uint8Array {
  const changed = Uint8Array.from(statement)
  changed.set(number(value), offset)
  return changed
}

function number(value: bigint): Uint8Array {
  return fromHex(`0x${value.toString(16).padStart(96, '0')}`)
}
