import { keccak256 as nobleKeccak256 } from '@nacre/verify'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keccak256 } from './keccak.ts'

test('it is noble’s keccak-256, at every length around a block and for long inputs', () => {
  for (let length = 0; length < 300; length++) {
    const bytes = new Uint8Array(length).map((_, i) => i * length)
    expect(keccak256(bytes)).toBe(nobleKeccak256(bytes))
  }
  const long = fc.uint8Array({ minLength: 100, maxLength: 20_000 })
  fc.assert(fc.property(long, bytes => keccak256(bytes) === nobleKeccak256(bytes)))
})
