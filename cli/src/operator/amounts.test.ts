import { ZERO_ADDRESS } from '@nacre/verify'
import { expect, test } from 'vitest'
import { formatAmount, formatSeconds, formatTime, parseAmount } from './amounts.ts'

const TOKEN = `0x${'12'.repeat(20)}` as const

test.each([
  ['0.001ether', 10n ** 15n],
  ['1.5gwei', 1_500_000_000n],
  ['7wei', 7n],
  ['0.000000000000000001ether', 1n],
])('%s', (text, wei) => {
  expect(parseAmount(text, ZERO_ADDRESS)).toBe(wei)
})

test.each(['', '1', 'ether', '1 ether', '-1wei', '1.5wei', '1e18wei', '.5ether', '1eth', '0.0000000001gwei'])(
  'without a number and a unit that fit, %j is refused',
  text => {
    expect(() => parseAmount(text, ZERO_ADDRESS)).toThrow('is not an amount')
  },
)

test('of a token an amount is a whole number of its smallest unit', () => {
  expect(parseAmount('250', TOKEN)).toBe(250n)
  for (const text of ['2.5', '1ether', `${2n ** 128n}`])
    expect(() => parseAmount(text, TOKEN), text).toThrow('is not an amount')
})

test('amounts and times as people read them', () => {
  expect(formatAmount(10n ** 15n)).toBe('0.001 ether')
  expect(formatAmount(5n, TOKEN)).toBe(`5 of token ${TOKEN}`)
  expect(formatTime(1_795_536_391n)).toBe('2026-11-24 16:06:31 UTC')
  expect([90, 600, 7_300, 604_800].map(formatSeconds)).toEqual(['90 s', '10 min', '2 h', '7 days'])
})
