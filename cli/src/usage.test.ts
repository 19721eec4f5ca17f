import { expect, test } from 'vitest'
import { wholeNumber } from './usage.ts'

test('a number in its range is taken, whole and without sign', () => {
  const parse = wholeNumber('--port', 1024, 65_534)
  expect([parse('1024'), parse('8645'), parse('65534')]).toEqual([1024, 8645, 65_534])
})

test.each(['-1', '0', '1023', '65535', '9999999999', '1e4', '2000.5', '0x800', ' 2000', '', 'x'])(
  '%j is refused, and the range said',
  text => {
    expect(() => wholeNumber('--port', 1024, 65_534)(text)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: `--port cannot be ${text}`,
        why: 'it takes a whole number from 1024 to 65534',
        fix: 'for example --port 1024',
      }),
    )
  },
)
