import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEncoder, trainBpe } from './bpe.ts'
import { GPT2_XL, gpt2Model } from './gpt2.ts'
import { fromHalf, toHalf } from './half.ts'
import { bytesOf, quantise } from './quantise.ts'
import { tinyModel } from './tiny.ts'
import { encodeGguf, writeGguf } from './write.ts'

describe('halves', () => {
  test('every half comes back', () => {
    const lost = Array.from({ length: 0x10000 }, (_, half) => half).filter(half => {
      const value = fromHalf(half)
      return Number.isNaN(value) ? (toHalf(value) & 0x7fff) <= 0x7c00 : toHalf(value) !== half
    })
    expect(lost).toEqual([])
  })
  test('what lies between two goes to the nearer, of equals to the even one', () => {
    expect(toHalf(1 + 2 ** -11)).toBe(0x3c00)
    expect(toHalf(1 + 2 ** -11 + 2 ** -20)).toBe(0x3c01)
    expect(toHalf(1 + 3 * 2 ** -11)).toBe(0x3c02)
    expect(toHalf(2 ** -25)).toBe(0)
    expect(toHalf(2 ** -25 * 1.5)).toBe(1)
    expect(toHalf(65519)).toBe(0x7bff)
    expect(toHalf(65520)).toBe(0x7c00)
    expect(toHalf(-1e9)).toBe(0xfc00)
  })
})

describe('quantisers', () => {
  const block = (values: number[]): Float32Array =>
    Float32Array.from({ length: 32 }, (_, i) => values[i] ?? 0)

  test('q8_0: a scale and 32 signed bytes, ties away from zero', () => {
    const bytes = Buffer.from(quantise('q8_0', block([127, -1, 2.5, -2.5, 0.4])))
    expect(fromHalf(bytes.readUInt16LE(0))).toBe(1)
    expect([...new Int8Array(bytes.subarray(2, 8))]).toEqual([127, -1, 3, -3, 0, 0])
    expect(bytes.length).toBe(34)
  })
  test('q4_0: the value farthest from zero is -8, the halves of a block lie in the halves of its bytes', () => {
    const bytes = Buffer.from(quantise('q4_0', block([8, 0, -7, ...Array(13).fill(0), -8, 4])))
    expect(fromHalf(bytes.readUInt16LE(0))).toBe(-1)
    expect([...bytes.subarray(2, 6)].map(byte => [byte & 15, byte >> 4])).toEqual([
      [0, 15],
      [8, 4],
      [15, 8],
      [8, 8],
    ])
  })
  test.each(['q4_0', 'q8_0'] as const)('%s: a block of zeros is one of zeros', type => {
    const bytes = quantise(type, block([]))
    // The reference divides zero by -8 for q4_0, which is minus zero.
    expect([...bytes.subarray(0, 2)]).toEqual([0, type === 'q4_0' ? 0x80 : 0])
    expect(new Set(bytes.subarray(2))).toEqual(new Set([type === 'q4_0' ? 0x88 : 0]))
  })
  test('q8_0: no value is farther from what is kept than half a step and what the scale lost as a half', () => {
    const value = fc.float({ min: -100, max: 100, noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 32, maxLength: 32 }), list => {
        const values = Float32Array.from(list)
        const bytes = Buffer.from(quantise('q8_0', values))
        const most = Math.max(...values.map(Math.abs))
        const scale = fromHalf(bytes.readUInt16LE(0))
        for (const [i, one] of values.entries())
          expect(Math.abs(bytes.readInt8(2 + i) * scale - one)).toBeLessThanOrEqual(most / 250 + 1e-5)
      }),
    )
  })
  test('counts that are no whole blocks are refused', () => {
    expect(() => bytesOf('q4_0', 33)).toThrow(RangeError)
  })
})

describe('byte pairs', () => {
  const bpe = trainBpe(['low lower lowest low', 'newer newest'], 270)
  test('the commonest pair first, of equals the one that sorts first', () => {
    expect(bpe.merges.slice(0, 3)).toEqual(['l o', 'lo w', 'Ġ low'])
    expect(bpe.tokens.length).toBe(256 + bpe.merges.length)
  })
  test('any text comes back from its tokens', () => {
    const encode = createEncoder(bpe)
    const letters = new Map(trainBpe([], 256).tokens.map((letter, byte) => [letter, byte]))
    const decode = (ids: number[]): string =>
      Buffer.from(ids.flatMap(id => Array.from(bpe.tokens[id]!, letter => letters.get(letter)!))).toString()
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(decode(encode(text))).toBe(text)
      }),
    )
  })
})

describe('files', () => {
  test('header, metadata and a tensor, each where the format has it', () => {
    const gguf = {
      metadata: { 'general.architecture': { string: 'x' }, a: { i32s: [-1, 2] } },
      tensors: [
        { name: 't', dims: [2], type: 'f32', fill: (into: Float32Array) => into.fill(1) },
        { name: 'u', dims: [32, 2], type: 'q8_0', fill: (into: Float32Array) => into.fill(-1) },
      ],
    } as const
    const bytes = Buffer.concat([...encodeGguf(gguf)])
    expect(bytes.subarray(0, 24).toString('hex')).toBe(
      '4747554603000000' + '0200000000000000' + '0200000000000000',
    )
    const data = bytes.length - 32 - 96
    expect(data % 32).toBe(0)
    expect(bytes.readFloatLE(data)).toBe(1)
    expect(bytes.readInt8(data + 32 + 2)).toBe(-127)
    const dir = mkdtempSync(join(tmpdir(), 'nacre-gguf-'))
    const { size } = writeGguf(join(dir, 'x.gguf'), gguf)
    expect(readFileSync(join(dir, 'x.gguf'))).toEqual(bytes)
    expect(size).toBe(bytes.length)
    rmSync(dir, { recursive: true })
  })
  test('a tiny model is the same bytes for the same options, under a megabyte', () => {
    for (const architecture of ['llama', 'gpt2'] as const)
      for (const type of ['f32', 'f16', 'q8_0', 'q4_0'] as const) {
        const bytes = tinyModel({ architecture, type })
        expect(bytes.length).toBeLessThan(600_000)
        expect(tinyModel({ architecture, type })).toEqual(bytes)
        expect(tinyModel({ architecture, type, seed: 2 })).not.toEqual(bytes)
      }
  })
})

test('the shape of GPT-2 XL has as many weights as GPT-2 XL, and as many tokens, all different', () => {
  const { metadata, tensors } = gpt2Model(GPT2_XL, 'q4_0', 1)
  const weights = tensors.map(({ dims }) => dims.reduce((all, one) => all * one, 1))
  expect(weights.reduce((all, one) => all + one, 0)).toBe(1_557_611_200)
  const { strings } = metadata['tokenizer.ggml.tokens'] as { strings: string[] }
  expect(new Set(strings).size).toBe(50_257)
})
