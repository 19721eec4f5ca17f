import { expect, test } from 'vitest'
import { CURRENCIES, codesIn, readMoney } from './money.ts'

const read = (text: string, ...named: string[]) => {
  const money = readMoney(text, new Set(named))
  return typeof money === 'string' ? money : `${money.amount} ${money.currency}`
}

test.each([
  ['EUR1,234.50', '123450 EUR'],
  ['EUR1.234,50', '123450 EUR'],
  ["CHF1'234.50", '123450 CHF'],
  ['1234.50GBP', '123450 GBP'],
  ['(EUR)|12.00', '1200 EUR'],
  ['EUR:|12.00', '1200 EUR'],
  ['12.00|EUR', '1200 EUR'],
  ['USD|$12.00', '1200 USD'],
  ['CAD$12.00', '1200 CAD'],
  ['USDS12.00', '1200 USD'],
  ['EUR12.00EUR', '1200 EUR'],
  ['eur0.05', '5 EUR'],
  // What the reader makes of separators does not matter, how many digits they part does.
  ['EUR3,581:93', '358193 EUR'],
  ['EUR602..27', '60227 EUR'],
  ['602.27.EUR', '60227 EUR'],
  ['EUR1234567890.12', '123456789012 EUR'],
])('%s is %s', (text, money) => {
  expect(read(text)).toBe(money)
})

test.each([
  ['no currency', '12.00'],
  ['two currencies', 'EUR12.00USD'],
  ['a currency that is not known', 'XYZ12.00'],
  ['a dollar that may be any', '$12.00'],
  ['a dollar of euros', 'EUR$12.00'],
  ['an S for itself', 'S12.00'],
  ['no decimals', 'EUR1,234'],
  ['one decimal', 'EUR12.5'],
  ['three decimals', 'EUR12.345'],
  ['a group of two', 'EUR1,23.00'],
  ['a group of four', 'EUR1,2345.00'],
  ['four digits before a group', 'EUR1234,567.00'],
  ['a minus', 'EUR-12.00'],
  ['a minus behind', '12.00-EUR'],
  ['brackets, which are a minus too', 'EUR(12.00)'],
  ['two amounts', 'EUR12.00|13.00'],
  ['a rate between', 'EUR19%12.00'],
  ['letters', 'EUR1Z.00'],
  ['too many digits', 'EUR1234567890123.00'],
  ['nothing', ''],
])('refused: %s', (_, text) => {
  expect(read(text)).toMatch(/is not clear/)
})

test('a dollar sign is US dollars when they alone are named', () => {
  expect(read('$12.00', 'USD')).toBe('1200 USD')
  expect(read('$12.00', 'USD', 'EUR')).toBe('1200 USD')
  expect(read('$12.00', 'USD', 'CAD')).toMatch('not clear')
  expect(read('$12.00', 'EUR')).toMatch('not clear')
  expect(codesIn('AllamountsinUSD,paidfromEURaccounts')).toEqual(['USD', 'EUR'])
})

test('one letter read wrongly makes no other currency', () => {
  const codes = Object.keys(CURRENCIES)
  for (const a of codes)
    for (const b of codes.filter(code => code !== a)) {
      const differing = [...a].filter((letter, i) => letter !== b[i]).length
      expect(differing, `${a} ${b}`).toBeGreaterThanOrEqual(2)
    }
})
