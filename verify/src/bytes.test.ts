import fc from 'fast-check'
import { encodeAbiParameters, type Hex as ViemHex, toHex as viemToHex } from 'viem'
import { expect, test } from 'vitest'
import {
  abiEncode,
  concat,
  concatAll,
  equalBytes,
  fromHex,
  fromUtf8,
  type Hex,
  toHex,
  utf8,
} from './index.ts'

const code = (code: string): unknown => expect.objectContaining({ code })

test('hex and text round trips; text as TextEncoder has it', () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      expect(fromHex(toHex(bytes))).toEqual(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(utf8(text)).toEqual(new TextEncoder().encode(text))
      expect(fromUtf8(utf8(text))).toBe(text)
    }),
  )
})

test('hex of more bytes than are turned at once', () => {
  const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i * 7)
  expect(toHex(bytes)).toBe(viemToHex(bytes))
})

test('parts behind one another, also more than a call can have arguments', () => {
  expect(concat()).toEqual(new Uint8Array())
  expect(concat(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3))
  const parts = Array.from({ length: 200_000 }, (_, i) => Uint8Array.of(i))
  expect(
    equalBytes(
      concatAll(parts),
      Uint8Array.from(parts, ([byte]) => byte as number),
    ),
  ).toBe(true)
})

test('what is not hex, and what is not text', () => {
  for (const hex of ['', '0', '0x0', '0xA0', '0xg0', '00', '0x0 ', 5 as never]) {
    expect(() => fromHex(hex)).toThrow(code('invalid-hex'))
  }
  expect(() => fromHex('0x00', 2)).toThrow(code('invalid-hex'))
  // Every pair of characters but the 256 of bytes, and characters whose codes look like two others'.
  const units = fc.string({ unit: 'binary', minLength: 2, maxLength: 2 })
  const pairs = fc.property(units, pair => {
    if (!/^[0-9a-f]{2}$/.test(pair)) expect(() => fromHex(`0x${pair}`)).toThrow(code('invalid-hex'))
  })
  fc.assert(pairs, { numRuns: 2000 })
  for (const pair of ['0\u0130', '\u30300', '\u0130\u0030', '\u3030\u3030'])
    expect(() => fromHex(`0x${pair}`), pair).toThrow(code('invalid-hex'))
  expect(() => utf8('\ud800')).toThrow(code('invalid-text'))
  for (const hex of ['0xff', '0xc080', '0xeda080', '0xf4908080', '0xc3']) {
    expect(() => fromUtf8(fromHex(hex)), hex).toThrow(code('invalid-text'))
  }
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false)
})

test('words are those of a library for Solidity', () => {
  const word = (size: number) => fc.uint8Array({ minLength: size, maxLength: size }).map(toHex)
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), word(20), word(32), (amount, address, hash) => {
      const ours = abiEncode(['uint256', amount], ['address', address], ['bytes32', hash as Hex])
      const types = [{ type: 'uint256' }, { type: 'address' }, { type: 'bytes32' }] as const
      expect(toHex(ours)).toBe(encodeAbiParameters(types, [amount, address as ViemHex, hash as ViemHex]))
    }),
  )
})
