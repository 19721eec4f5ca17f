import { bytesToHex } from '@noble/hashes/utils.js'
import { expect, test } from 'vitest'
import { graphBuilder } from '../graph/build.ts'
import { commitmentBytes, inputCommitment, packed, packingOf, signalsOf } from './packing.ts'
import { poseidon } from './poseidon.ts'

test('a tensor is packed as section 2 says', () => {
  const packing = packingOf({ lo: -128, hi: 127 }, 33)
  // u32 lo + 2^31, u32 count, u8 width, u8 version, most significant first.
  const header = 0x7fffff80_00000021_08_01n
  expect(packing).toEqual({ header, lo: -128, width: 8, perElement: 31, count: 33, elements: 2 })
  const values = Int32Array.from({ length: 33 }, (_, i) => i - 128)
  const [first, second] = packed(packing, values)
  // 0, 1, 2, ..., 30, and 31, 32.
  expect(first! & 0xffffffn).toBe(0x020100n)
  expect(first! >> 240n).toBe(30n)
  expect(second).toBe(0x201fn)
  expect(packingOf({ lo: 0, hi: 0 }, 1)).toMatchObject({ width: 1, perElement: 253 })
  expect(packingOf({ lo: -(2 ** 29), hi: 2 ** 29 }, 1)).toMatchObject({ width: 31, perElement: 8 })
})

const { input, build } = graphBuilder({ dims: [2], lo: -2, hi: 3 })
const { graph } = build(input.add(input), input.sum())

test('the input has a commitment, a chain of header and elements; outputs are elements, tensor by tensor', () => {
  const values = Int32Array.of(3, -1)
  const inputs = inputCommitment(graph, values)
  expect(inputs).toBe(poseidon([packingOf(input, 2).header, 0b001_101n]))
  expect(signalsOf(graph, inputs, [Int32Array.of(6, -2), Int32Array.of(2)])).toEqual([
    inputs,
    10n + (2n << 4n),
    6n,
  ])
  expect(bytesToHex(commitmentBytes(inputs))).toBe(inputs.toString(16).padStart(64, '0'))
})

test('other values and another batch have other commitments', () => {
  const of = (batch: number, ...values: number[]): bigint =>
    inputCommitment(graph, Int32Array.from(values), batch)
  expect(
    new Set([of(1, 0, 0), of(1, -2, -2), of(1, 0, 1), of(2, 0, 0, -2, -2), of(2, 0, 0, 0, 0)]).size,
  ).toBe(5)
})

test('values that are not the graph’s are refused', () => {
  const refused = (code: string, make: () => unknown): void =>
    expect(make).toThrow(expect.objectContaining({ code }))
  refused('zk-value-out-of-range', () => inputCommitment(graph, Int32Array.of(0, 4)))
  refused('invalid-input', () => inputCommitment(graph, Int32Array.of(0)))
  refused('invalid-input', () => signalsOf(graph, 0n, [Int32Array.of(0, 0)]))
})
