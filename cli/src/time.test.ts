import { expect, test } from 'vitest'
import { now, parseTime } from './time.ts'

test.each([
  ['0', 0n],
  ['1795514400', 1_795_514_400n],
  ['2026-11-24', 1_795_478_400n],
  ['2026-11-24T10:00Z', 1_795_514_400n],
  ['2026-11-24T12:00:00+02:00', 1_795_514_400n],
  ['2026-11-24T10:00:00.999Z', 1_795_514_400n],
  ['2028-02-29', 1_835_395_200n],
])('%s is %d', (text, seconds) => {
  expect(parseTime(text, '--at')).toBe(seconds)
})

test.each([
  '',
  'yesterday',
  '-1',
  '1e9',
  '1795514400000',
  '2026-11-24T10:00:00',
  '2026-11-24 10:00Z',
  '2026-02-30',
  '2026-13-01',
  '2026-11-24T25:00Z',
  '1969-12-31',
  '24.11.2026',
])('%j is no time, or could be several', text => {
  expect(() => parseTime(text, '--at')).toThrow(
    expect.objectContaining({ code: 'bad-input', fix: expect.stringContaining('2026-11-24T10:00:00Z') }),
  )
})

test('now is in seconds, and between two readings of the clock', () => {
  const before = Date.now() / 1000
  const time = Number(now())
  expect(time).toBeGreaterThan(before - 1)
  expect(time).toBeLessThanOrEqual(Date.now() / 1000)
})
