import { keccak256 as nobleKeccak256 } from '@nacre/verify'
import { expect, test } from 'vitest'
import { keccak256 } from './keccak.ts'

test('it is noble’s keccak-256, one hash after another', () => {
  for (const length of [0, 1, 135, 136, 137, 5_000]) {
    const bytes = new Uint8Array(length).fill(length)
    expect(keccak256(bytes)).toBe(nobleKeccak256(bytes))
  }
})
