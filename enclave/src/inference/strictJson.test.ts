import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ApiError } from './apiErrors.ts'
import { parseStrictJson } from './strictJson.ts'

const parse = (text: string) => parseStrictJson(Buffer.from(text))
const codeOf = (bytes: Uint8Array) => {
  try {
    parseStrictJson(bytes)
  } catch (error) {
    return (error as ApiError).code
  }
  return undefined
}

test('every JSON value is read as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), value => {
      const text = JSON.stringify(value)
      expect(parse(text)).toEqual(JSON.parse(text))
    }),
  )
  expect(parse('{"a":{"b":1},"b":[{"b":"\\"b\\":\\\\"},{"b":2}]}')).toEqual({
    a: { b: 1 },
    b: [{ b: '"b":\\' }, { b: 2 }],
  })
})

test('bytes that are none are refused, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      expect([undefined, 'invalid_json']).toContain(codeOf(bytes))
    }),
  )
  for (const text of [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '[{"x":{"y":1,"y":1}}]',
    '{"a',
    '"\\"',
    '[1,]',
    '{]',
    ':',
    '{"a":1}}',
  ])
    expect(codeOf(Buffer.from(text)), text).toBe('invalid_json')
})

test('bounds: depth, and number of objects and lists', () => {
  expect(codeOf(Buffer.from('['.repeat(64) + ']'.repeat(64)))).toBeUndefined()
  expect(codeOf(Buffer.from('['.repeat(65) + ']'.repeat(65)))).toBe('invalid_json')
  expect(codeOf(Buffer.from(`[${'[],'.repeat(65_535)}[]]`))).toBe('invalid_json')
  expect(codeOf(Buffer.from('[]'.repeat(5_000_000)))).toBe('invalid_json')
})
