import { expect, test } from 'vitest'
import { isCredit, isLikeTotal, splitLabel } from './labels.ts'

test.each([
  ['Total|EUR1.00', 'total', 'EUR1.00'],
  ['TOTAL:EUR1.00', 'total', 'EUR1.00'],
  ['Total(EUR)|1.00', 'total', '(EUR)|1.00'],
  ['Grandtotal|EUR1.00', 'total', 'EUR1.00'],
  ['lnvoicetota!|EUR1.00', 'total', 'EUR1.00'],
  ['Sub-total|EUR1.00', 'net', 'EUR1.00'],
  ['Sub.total|EUR1.00', 'net', 'EUR1.00'],
  ['Totalexcl.VAT|EUR1.00', 'net', 'EUR1.00'],
  ['VAT19%|EUR1.00', 'tax', 'EUR1.00'],
  ['Tax(7.5%)|EUR1.00', 'tax', 'EUR1.00'],
])('%s is a %s and %s', (line, label, rest) => {
  expect(splitLabel(line)).toEqual({ label, rest })
})

test('what is no label is none', () => {
  for (const line of ['Oakshelf|EUR1.00', 'Asubtotal|EUR1.00', 'EUR1.00', ''])
    expect(splitLabel(line)).toBeUndefined()
})

test('a total of an unknown kind, and a credit, are seen', () => {
  expect(['Totalforitems', 'Tota1', 'Zwischentotal', 'AmountdueinMay'].map(isLikeTotal)).toEqual(
    Array(4).fill(true),
  )
  expect(['Oakshelf', 'AllamountsinUSD', 'Duedate'].map(isLikeTotal)).toEqual([false, false, false])
  expect(['Creditnote', 'CREDlT', 'Refund'].map(isCredit)).toEqual([true, true, true])
})
