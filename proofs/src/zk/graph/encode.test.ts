import { concat } from '@nacre/verify/bytes'
import { describe, expect, test } from 'vitest'
import { decodeGraph, encodeGraph, graphHash } from './encode.ts'
import type { Graph } from './graph.ts'
import { hash, inputHash, outputsHash, publicWeightsId } from './hash.ts'
import { randomGraph, randomOf } from './randomGraph.ts'

/** Every operator once; not a valid graph. */
const EVERY: Graph = {
  input: { dims: [1, 2], lo: -3, hi: 4 },
  tables: [Int16Array.from([-1, 2])],
  parameters: [{ dims: [5, 6] }],
  nodes: [
    { op: 'dense', x: 0, weight: 1, lo: -1, hi: 1 },
    { op: 'conv', x: 1, weight: 2, bias: 3, stride: [4, 5], pads: [6, 7, 8, 9], lo: 0, hi: 0 },
    { op: 'unfold', x: 2, kernel: [1, 2], stride: [3, 4], pads: [5, 6, 7, 8], lo: 0, hi: 0 },
    { op: 'sum', x: 3, count: 2, lo: 0, hi: 0 },
    { op: 'matmul', a: 4, b: 5, transposed: true, lo: 0, hi: 0 },
    { op: 'add', a: 5, b: 6, ca: -1, cb: 2 ** 31 - 1, lo: 0, hi: 0 },
    { op: 'mul', a: 6, b: 7, lo: 0, hi: 0 },
    { op: 'reshape', x: 7, dims: [258], lo: 0, hi: 0 },
    { op: 'permute', x: 8, axes: [1, 0], lo: 0, hi: 0 },
    {
      op: 'lookup',
      x: 9,
      multiplier: 258,
      shift: 3,
      f: { clamp: [-2, 5] },
      wide: true,
      width: 4,
      lo: 0,
      hi: 0,
    },
    { op: 'lookup', x: 9, multiplier: 1, shift: 0, f: { table: 7 }, wide: false, width: 1, lo: 0, hi: 0 },
    { op: 'max', x: 10, count: 1, width: 8, lo: 0, hi: 0 },
    { op: 'argmax', x: 11, width: 9, window: 10, lo: 0, hi: 0 },
  ],
  outputs: [12, 13],
}
const range = (lo: number, hi: number): number[] => [...i32(lo), ...i32(hi)]
const i32 = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255]
const BYTES = [
  ...[0x4e, 0x5a, 0x4b, 0x47, 1],
  ...[2, ...i32(1), ...i32(2), ...range(-3, 4)],
  ...[1, 0, 1, 0xff, 0xff, 2, 0],
  ...[1, 0, 2, ...i32(5), ...i32(6)],
  ...[13, 0],
  ...[1, 0, 0, 1, 0, 0xff, 0xff, ...range(-1, 1)],
  ...[2, 1, 0, 2, 0, 3, 0, 4, 5, 6, 7, 8, 9, ...range(0, 0)],
  ...[3, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, ...range(0, 0)],
  ...[4, 3, 0, 2, ...range(0, 0)],
  ...[5, 4, 0, 5, 0, 1, ...range(0, 0)],
  ...[6, 5, 0, 6, 0, ...i32(-1), ...i32(2 ** 31 - 1), ...range(0, 0)],
  ...[7, 6, 0, 7, 0, ...range(0, 0)],
  ...[8, 7, 0, 1, ...i32(258), ...range(0, 0)],
  ...[9, 8, 0, 2, 1, 0, ...range(0, 0)],
  ...[16, 9, 0, 2, 1, 3, 0, 0xfe, 0xff, 5, 0, 1, 4, ...range(0, 0)],
  ...[16, 9, 0, 1, 0, 0, 1, 7, 0, 0, 0, 0, 1, ...range(0, 0)],
  ...[17, 10, 0, 1, 8, ...range(0, 0)],
  ...[18, 11, 0, 9, 10, ...range(0, 0)],
  ...[2, 12, 0, 13, 0],
]

describe('the bytes of section 2.1', () => {
  test('every operator, field by field', () => {
    expect([...encodeGraph(EVERY)]).toEqual(BYTES)
    expect(decodeGraph(Uint8Array.from(BYTES))).toEqual(EVERY)
  })

  test('random graphs come back as they were', () => {
    for (let seed = 0; seed < 200; seed++) {
      const { graph } = randomGraph(randomOf(seed))
      expect(decodeGraph(encodeGraph(graph))).toEqual(graph)
    }
  })

  test('a byte changed is another graph or none: each graph has one form', () => {
    for (let at = 0; at < BYTES.length; at++)
      for (const change of [1, 0x80, 0xff]) {
        const changed = Uint8Array.from(BYTES)
        changed[at]! ^= change
        const decoded = attempt(() => decodeGraph(changed))
        if (decoded) expect([...encodeGraph(decoded)], `byte ${at}`).toEqual([...changed])
      }
  })

  test('every beginning is refused, and whatever follows the end', () => {
    for (let end = 0; end < BYTES.length; end++)
      refused(() => decodeGraph(Uint8Array.from(BYTES.slice(0, end))))
    refused(() => decodeGraph(Uint8Array.from([...BYTES, 0])))
  })

  test('counts are bounded before anything is read by them', () => {
    const head = BYTES.slice(0, 5)
    refused(() => decodeGraph(Uint8Array.from([...head, 6, ...new Array(64).fill(0)])))
    refused(() => decodeGraph(Uint8Array.from([...head, 0, ...range(0, 0), 17, 0])))
    refused(() => decodeGraph(Uint8Array.from([...head, 0, ...range(0, 0), 1, 0, 13])))
    refused(() => decodeGraph(new Uint8Array(2 ** 18 + 1)))
  })

  test('unknown versions and operators have codes of their own', () => {
    const with_ = (at: number, byte: number): Uint8Array => Uint8Array.from(BYTES).fill(byte, at, at + 1)
    expect(() => decodeGraph(with_(4, 2))).toThrow(
      expect.objectContaining({ code: 'zk-unsupported-version' }),
    )
    const node = BYTES.indexOf(13) + 2
    expect(() => decodeGraph(with_(node, 10))).toThrow(
      expect.objectContaining({ code: 'unsupported-operator' }),
    )
  })

  test('fields that do not fit the format are refused', () => {
    const wrong: Partial<Graph>[] = [
      { input: { dims: [1.5], lo: 0, hi: 0 } },
      { input: { dims: [1], lo: -(2 ** 31) - 1, hi: 0 } },
      { input: { dims: [1, 1, 1, 1, 1, 1], lo: 0, hi: 0 } },
      { tables: [new Int16Array(3)] },
      { tables: [new Int16Array(1)] },
      { tables: [new Int16Array(8192)] },
      { nodes: [{ op: 'sum', x: 0, count: Number.NaN, lo: 0, hi: 0 }] },
      { nodes: [{ op: 'matmul', a: 0, b: 0, transposed: 1 as never, lo: 0, hi: 0 }] },
      {
        nodes: [
          { op: 'unfold', x: 0, kernel: [1] as never, stride: [1, 1], pads: [0, 0, 0, 0], lo: 0, hi: 0 },
        ],
      },
      { nodes: [{ op: 'dense', x: 0, weight: 0, bias: 0xffff, lo: 0, hi: 0 }] },
      { outputs: new Array(9).fill(1) },
    ]
    for (const part of wrong) refused(() => encodeGraph({ ...EVERY, ...part }))
    expect(() => encodeGraph({ ...EVERY, nodes: [{ op: 'toString' } as never] })).toThrow(
      expect.objectContaining({ code: 'unsupported-operator' }),
    )
  })
})

test('hashes say what they are of, and how long it is', async () => {
  const sha256 = async (...bytes: number[]): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
  expect(graphHash(EVERY)).toEqual(await sha256(0x14, 1, ...i32(BYTES.length), ...BYTES))
  expect(publicWeightsId([Int32Array.of(1, -1), Int32Array.of(2)])).toEqual(
    await sha256(0x14, 2, 12, 0, 0, 0, ...i32(1), ...i32(-1), ...i32(2)),
  )
  const values = Int32Array.of(7)
  expect(inputHash(values)).toEqual(await sha256(0x14, 3, 4, 0, 0, 0, 7, 0, 0, 0))
  expect(outputsHash([values, values])).toEqual(hash('outputs', concat(Uint8Array.of(...i32(7), ...i32(7)))))
})

function refused(make: () => unknown): void {
  expect(make).toThrow(expect.objectContaining({ code: 'invalid-graph' }))
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
