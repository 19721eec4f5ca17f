import { expect, test } from 'vitest'
import { NacreError } from './index.ts'
import {
  amountOf,
  arrayOf,
  countOf,
  countToJson,
  hexOf,
  integerOf,
  objectOf,
  oneOf,
  type Parser,
  parseJson,
  textOf,
  versionOf,
} from './shape.ts'

const MAX = Number.MAX_SAFE_INTEGER

function outcome<T>(parse: Parser<T>, value: unknown): T | string {
  try {
    return parse(value, 'it')
  } catch (error) {
    if (!(error instanceof NacreError)) throw error
    expect(error.message).toContain('it')
    return error.code
  }
}

const deep = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
const hostile = { toString: 1, valueOf: 1 }

const cases: [string, Parser<unknown>, unknown, unknown][] = [
  ['hex of a size', hexOf(2), '0x00ff', '0x00ff'],
  ['hex of another size', hexOf(2), '0x00', 'wrong-type'],
  ['hex in capitals', hexOf(1), '0xFF', 'wrong-type'],
  ['short hex', hexOf({ max: 2 }), '0x', '0x'],
  ['the longest hex', hexOf({ max: 2 }), '0x0000', '0x0000'],
  ['hex that is too long', hexOf({ max: 2 }), '0x000000', 'too-large'],
  ['half a byte', hexOf({ max: 2 }), '0x000', 'wrong-type'],
  ['long hex in capitals', hexOf({ max: 2 }), '0xFF', 'wrong-type'],
  ['hex with a line feed', hexOf({ max: 2 }), '0x0\n', 'wrong-type'],
  ['hex without its prefix', hexOf({ max: 2 }), '0000', 'wrong-type'],
  ['bytes for hex', hexOf(1), new Uint8Array(1), 'wrong-type'],
  ['a text', textOf(2), 'ab', 'ab'],
  ['no text', textOf(2), '', 'wrong-type'],
  ['a text that is too long', textOf(2), 'abc', 'too-large'],
  ['half a surrogate pair', textOf(2), '\ud800', 'wrong-type'],
  ['the least integer', integerOf(1, 3), 1, 1],
  ['less', integerOf(1, 3), 0, 'wrong-type'],
  ['more', integerOf(1, 3), 4, 'wrong-type'],
  ['a fraction', integerOf(1, 3), 1.5, 'wrong-type'],
  ['a number as text', integerOf(1, 3), '1', 'wrong-type'],
  ['no number', integerOf(1, 3), Number.NaN, 'wrong-type'],
  ['the largest amount', amountOf(8), '255', 255n],
  ['a larger one', amountOf(8), '256', 'wrong-type'],
  ['a leading zero', amountOf(8), '01', 'wrong-type'],
  ['a sign', amountOf(8), '-1', 'wrong-type'],
  ['an amount as number', amountOf(8), 1, 'wrong-type'],
  ['an endless amount', amountOf(256), '1'.repeat(1e6), 'wrong-type'],
  ['a count', countOf(64), MAX, BigInt(MAX)],
  ['a count that a number cannot hold', countOf(64), MAX + 1, 'wrong-type'],
  ['the same as text', countOf(64), String(2n ** 64n - 1n), 2n ** 64n - 1n],
  ['a small count as text', countOf(64), '5', 'wrong-type'],
  ['a count of too many bits', countOf(64), String(2n ** 64n), 'wrong-type'],
  ['a choice', oneOf('a', 'b'), 'b', 'b'],
  ['no choice', oneOf('a', 'b'), 'c', 'wrong-type'],
  ['the version', versionOf(1), 1, 1],
  ['another version', versionOf(1), 2, 'unsupported-version'],
  ['the version as text', versionOf(1), '1', 'unsupported-version'],
  ['a version whose text throws', versionOf(1), hostile, 'unsupported-version'],
  ['a version without end', versionOf(1), deep(100_000), 'unsupported-version'],
  ['a list', arrayOf(integerOf(0, 1), 2), [0, 1], [0, 1]],
  ['a longer list', arrayOf(integerOf(0, 1), 2), [0, 1, 0], 'too-large'],
  ['an object as list', arrayOf(integerOf(0, 1), 2), { length: 0 }, 'wrong-type'],
  ['null as object', objectOf({ a: integerOf(0, 1) }), null, 'wrong-type'],
  ['a list as object', objectOf({}), [], 'wrong-type'],
  ['a missing field', objectOf({ a: integerOf(0, 1) }), {}, 'missing-field'],
  ['a field too many', objectOf({}), { b: 1 }, 'unknown-field'],
  ['a field of every object', objectOf({}), JSON.parse('{"__proto__": 1}'), 'unknown-field'],
  ['a field that is inherited', objectOf({ toString: textOf(9) }), {}, 'missing-field'],
  ['an optional field', objectOf({}, { a: integerOf(0, 1) }), { a: 1 }, { a: 1 }],
]
test.each(cases)('%s', (_, parse, value, expected) => expect(outcome(parse, value)).toEqual(expected))

test('counts go to JSON as they are read', () => {
  for (const count of [0n, BigInt(MAX), BigInt(MAX) + 1n]) {
    expect(countOf(64)(countToJson(count), 'it')).toBe(count)
  }
})

test('JSON is bound before it is parsed', () => {
  expect(parseJson('[1]', 3, 'it')).toEqual([1])
  expect(outcome(value => parseJson(value as string, 3, 'it'), '[10]')).toBe('too-large')
  expect(outcome(value => parseJson(value as string, 3, 'it'), '[1')).toBe('invalid-json')
})
