import { describe, expect, test } from 'vitest'
import {
  type CborValue,
  decodeSign1,
  encodeCbor,
  encodeSign1,
  fromHex,
  sign1Message,
  toHex,
  utf8,
} from '../index.ts'

const payload = fromHex('0x0102')
const signature = new Uint8Array(64).fill(7)
const ES256 = fromHex('0xa10126')
const document = encodeSign1({ payload, signature })

test('what is signed is the structure of RFC 9052, and what is sent is an array of four', () => {
  const structure = `0x846a${toHex(utf8('Signature1')).slice(2)}43a1012640420102`
  expect(toHex(sign1Message(payload))).toBe(structure)
  expect(toHex(document)).toBe(`0x8443a10126a04201025840${'07'.repeat(64)}`)
  expect(decodeSign1(document, document.length)).toEqual({ payload, signature })
})

describe('another shape is refused', () => {
  const encoded = (...parts: CborValue[]): Uint8Array => encodeCbor(parts)
  const none = new Map<string, CborValue>()
  const cases: [string, Uint8Array, string][] = [
    ['no array', encodeCbor(none), 'invalid-cose'],
    ['three parts', encoded(ES256, none, payload), 'invalid-cose'],
    ['five parts', encoded(ES256, none, payload, signature, 1), 'invalid-cose'],
    ['a tag', Uint8Array.of(0xd2, ...document), 'invalid-cbor'],
    ['ES384, as Nitro', encoded(fromHex('0xa1013822'), none, payload, signature), 'invalid-cose'],
    ['no algorithm', encoded(fromHex('0xa0'), none, payload, signature), 'invalid-cose'],
    ['a header that is a map', encoded(new Map([[1, -7]]), none, payload, signature), 'invalid-cose'],
    ['an unprotected header', encoded(ES256, new Map([[4, payload]]), payload, signature), 'invalid-cose'],
    ['a detached payload', encoded(ES256, none, null, signature), 'invalid-cose'],
    ['a payload that is text', encoded(ES256, none, 'text', signature), 'invalid-cose'],
    ['a signature of 63 bytes', encoded(ES256, none, payload, signature.subarray(1)), 'invalid-cose'],
    ['no signature', encoded(ES256, none, payload, null), 'invalid-cose'],
    ['a byte behind it', Uint8Array.of(...document, 0), 'invalid-cbor'],
    ['lists without end', new Uint8Array(100).fill(0x81), 'invalid-cbor'],
  ]
  test.each(cases)('%s', (_, bytes, code) => {
    expect(() => decodeSign1(bytes, 8192)).toThrow(expect.objectContaining({ code }))
  })

  test('more bytes than the caller allows', () => {
    expect(() => decodeSign1(document, document.length - 1)).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    )
  })
})
