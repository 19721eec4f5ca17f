import { expect, test } from 'vitest'
import { mayHoldEvents } from './bloom.ts'

const ADDRESS = '0x00000000000000000000000000000000000000ee'
const empty = '00'.repeat(256)

test('a bloom without the address is a no, and a full one, in whatever letters, a maybe', () => {
  expect(mayHoldEvents(`0x${empty}`, ADDRESS)).toBe(false)
  for (const byte of ['ff', 'FF']) expect(mayHoldEvents(`0x${byte.repeat(256)}`, ADDRESS)).toBe(true)
})

test('what is no bloom hides no event: a maybe', () => {
  for (const text of [null, '0x', '0x00', `0x${empty}00`, 'nothing', `0x${empty.slice(2)}zz`, 7])
    expect(mayHoldEvents(text as never, ADDRESS)).toBe(true)
})
