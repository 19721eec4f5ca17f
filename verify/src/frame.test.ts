import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CborValue, encodeCbor } from './attest/cbor.ts'
import { fromHex, utf8 } from './bytes.ts'
import { NacreError } from './errors.ts'
import { decodeFrame, encodeFrame, maxFrame } from './frame.ts'

const LIMITS = { maxJson: 100, maxBytes: 300 }
const frame = encodeFrame({ json: utf8('{}'), bytes: Uint8Array.of(1, 2, 3) })

test('a frame is CBOR: version 1, JSON, bytes', () => {
  expect(frame).toEqual(fromHex('0x8301427b7d43010203'))
  expect(decodeFrame(frame, LIMITS)).toEqual({ json: utf8('{}'), bytes: Uint8Array.of(1, 2, 3) })
})

test('both parts may be empty, or as long as the limits say', () => {
  const part = (maxLength: number) => fc.uint8Array({ maxLength })
  fc.assert(
    fc.property(part(LIMITS.maxJson), part(LIMITS.maxBytes), (json, bytes) => {
      const encoded = encodeFrame({ json, bytes })
      expect(encoded.length).toBeLessThanOrEqual(maxFrame(LIMITS))
      expect(decodeFrame(encoded, LIMITS)).toEqual({ json, bytes })
    }),
    { examples: [[new Uint8Array(LIMITS.maxJson), new Uint8Array(LIMITS.maxBytes)]] },
  )
})

test('cut short anywhere, or one byte longer, it is refused', () => {
  for (let length = 0; length < frame.length; length++)
    expect(() => decodeFrame(frame.subarray(0, length), LIMITS)).toThrow(NacreError)
  const longer = Uint8Array.of(...frame, 0)
  expect(() => decodeFrame(longer, LIMITS)).toThrow(expect.objectContaining({ code: 'invalid-cbor' }))
})

const [json, bytes] = [utf8('{}'), Uint8Array.of(1)]
const wrong: [string, CborValue, string][] = [
  ['another version', [2, json, bytes], 'unsupported-version'],
  ['version 0', [0, json, bytes], 'unsupported-version'],
  ['no version', [json, bytes], 'invalid-cbor'],
  ['an empty array', [], 'invalid-cbor'],
  ['a part too few', [1, json], 'invalid-cbor'],
  ['a part too many', [1, json, bytes, bytes], 'invalid-cbor'],
  ['JSON as text', [1, '{}', bytes], 'invalid-cbor'],
  ['bytes as text', [1, json, '0x01'], 'invalid-cbor'],
  ['an array inside', [1, json, [1]], 'invalid-cbor'],
  ['a map', new Map<string, CborValue>([['version', 1]]), 'invalid-cbor'],
  ['a byte of JSON too many', [1, new Uint8Array(LIMITS.maxJson + 1), bytes], 'too-large'],
  ['a byte too many', [1, json, new Uint8Array(LIMITS.maxBytes + 1)], 'too-large'],
  ['more than both limits', [1, json, new Uint8Array(maxFrame(LIMITS))], 'too-large'],
]
test.each(wrong)('%s is refused', (_, value, code) => {
  expect(() => decodeFrame(encodeCbor(value), LIMITS)).toThrow(expect.objectContaining({ code }))
})
