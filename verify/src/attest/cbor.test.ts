import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, NacreError } from '../index.ts'
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts'

const { value: anyValue } = fc.letrec<{ value: CborValue }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .array(fc.tuple(fc.oneof(fc.string(), fc.maxSafeInteger()), tie('value')), { maxLength: 5 })
      .map(e => new Map(e)),
  ),
}))

test('what is encoded decodes to the same', () => {
  fc.assert(
    fc.property(anyValue, value => {
      fc.pre(!Object.is(value, -0))
      expect(encodeCbor(decodeCbor(encodeCbor(value)))).toEqual(encodeCbor(value))
    }),
  )
})

test('random bytes decode to one value of exactly these bytes, or are refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(NacreError)
      }
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['nothing', '0x'],
  ['a long form', '0x1817'],
  ['a long length', '0x580100'],
  ['an indefinite map', '0xbfff'],
  ['an indefinite string', '0x5fff'],
  ['a tag', '0xc000'],
  ['a float', '0xf97e00'],
  ['undefined', '0xf7'],
  ['a wide simple value', '0xf820'],
  ['reserved information', '0x1c'],
  ['a repeated key', '0xa201000100'],
  ['a key of bytes', '0xa14000'],
  ['a trailing byte', '0x0000'],
  ['an array of four billion', '0x9affffffff00'],
  ['a map of 2^53', '0xbb001fffffffffffff00'],
  ['a string longer than the input', '0x5affffffff00'],
  ['2^53', '0x1b0020000000000000'],
  ['nine levels', '0x81818181818181818100'],
])('%s is refused', (_, hex) => {
  expect(() => decodeCbor(fromHex(hex))).toThrow(expect.objectContaining({ code: 'invalid-cbor' }))
})

test('bounds and text', () => {
  expect(() => decodeCbor(new Uint8Array(16_385))).toThrow(expect.objectContaining({ code: 'too-large' }))
  expect(() => decodeCbor(fromHex('0x62c328'))).toThrow(expect.objectContaining({ code: 'invalid-text' }))
  expect(() => encodeCbor(1.5)).toThrow(expect.objectContaining({ code: 'invalid-cbor' }))
  expect(() => encodeCbor(undefined as never)).toThrow(expect.objectContaining({ code: 'invalid-cbor' }))
})
