import { expect, test } from 'vitest'
import { table } from './table.ts'

test('pads columns to the widest cell and puts numbers to the right', () => {
  expect(
    table(
      ['model', 'gas'],
      [
        ['iris-ols', '~52'],
        ['lenet5', 110_000],
      ],
    ),
  ).toEqual(['model        gas', '────────  ──────', 'iris-ols     ~52', 'lenet5    110000'])
})

test('a header alone is a table', () => {
  expect(table(['a'], [])).toEqual(['a', '─'])
})
