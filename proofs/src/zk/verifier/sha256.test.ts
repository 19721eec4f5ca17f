import { sha256 as noble } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sha256 } from './sha256.ts'

test('every length of one to three blocks, and parts that meet anywhere', () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, i) => (i * 37) ^ (i >> 2))
  for (let length = 0; length <= bytes.length; length++) {
    expect(sha256(bytes.subarray(0, length))).toEqual(noble(bytes.subarray(0, length)))
    expect(sha256(bytes.subarray(0, length), bytes.subarray(length))).toEqual(noble(bytes))
  }
})

test('anything', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), parts => {
      expect(sha256(...parts)).toEqual(noble(Uint8Array.from(parts.flatMap(part => [...part]))))
    }),
  )
})
