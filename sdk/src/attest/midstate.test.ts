import { concat, sha384, toHex } from '@nacre/verify'
import { expect, test } from 'vitest'
import { sha384Midstate } from './midstate.ts'

const LENGTHS = Array.from({ length: 400 }, (_, i) => i)

test('of one block it is the initial hash value: FIPS 180-4, 5.3.4', () => {
  const initial =
    '0xcbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e593967332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4'
  for (const length of [0, 1, 110, 111]) expect(toHex(sha384Midstate(bytes(length)))).toBe(initial)
  expect(toHex(sha384Midstate(bytes(112)))).not.toBe(initial)
})

test('after a first half that is a whole padded message it begins with that message’s digest', () => {
  for (const length of LENGTHS) {
    const first = pad(bytes(length))
    // As many blocks again, of which padding takes 17 bytes, or one more block.
    for (const rest of [first.length - 17, first.length - 16, first.length + 111]) {
      const midstate = sha384Midstate(concat(first, new Uint8Array(rest).fill(0xff)))
      expect(toHex(midstate.subarray(0, 48)), `${length} | ${rest}`).toBe(toHex(sha384(bytes(length))))
    }
  }
})

test('the first half takes 0x80 and zeros of the padding', () => {
  for (let length = 112; length < 128; length++) {
    const written = new Uint8Array(128)
    written.set(bytes(length))
    written[length] = 0x80
    expect(sha384Midstate(bytes(length))).toEqual(sha384Midstate(written))
  }
})

test('reads the bytes of a view, not of what lies under it', () => {
  const under = bytes(700)
  expect(sha384Midstate(under.subarray(33, 633))).toEqual(sha384Midstate(under.slice(33, 633)))
})

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 7 * i + length)
}

/** FIPS 180-4, 5.1.2. */
function pad(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(128 * Math.ceil((message.length + 17) / 128))
  padded.set(message)
  padded[message.length] = 0x80
  new DataView(padded.buffer).setUint32(padded.length - 4, 8 * message.length)
  return padded
}
