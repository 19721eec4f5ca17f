import { describe, expect, test } from 'vitest'
import { graphBuilder } from './build.ts'
import type { Graph, Mode, Node } from './graph.ts'
import { layoutOf, STRANGER_LIMITS, securityBits } from './layout.ts'
import { matrixOf, pack } from './packing.ts'
import { randomGraph, randomOf } from './randomGraph.ts'
import { irisNetwork, irisRegression, largePerceptron, leNet, type Sample, transformer } from './samples.ts'

type Row = {
  leaves?: [total: number, nu: number]
  d?: [rows: number, columns: number]
  w: [rows: number, columns: number]
  kilobytes: [committed: number, publicWeights: number]
}

describe('layouts are those of section 8', () => {
  const rows: [string, () => Sample, number, Row][] = [
    ['Iris OLS', irisRegression, 1, { w: [1, 64], kilobytes: [14, 0] }],
    ['Iris OLS, a batch', irisRegression, 150, { w: [1, 64], kilobytes: [14, 0] }],
    ['Iris 4-16-3', irisNetwork, 500, { leaves: [20992, 15], d: [41, 512], w: [3, 64], kilobytes: [81, 66] }],
    ['LeNet-5', leNet, 1, { leaves: [31680, 15], d: [32, 1024], w: [46, 2048], kilobytes: [174, 77] }],
    ['16 digits', leNet, 16, { leaves: [409920, 19], d: [101, 4096], w: [46, 2048], kilobytes: [279, 181] }],
    [
      '1.07 M',
      largePerceptron,
      1,
      { leaves: [6016, 13], d: [29, 256], w: [161, 8192], kilobytes: [325, 50] },
    ],
    [
      'transformer',
      transformer,
      1,
      { leaves: [117420, 17], d: [58, 2048], w: [49, 1024], kilobytes: [196, 118] },
    ],
  ]
  test.each(rows)('%s', (_, sample, batch, { leaves, d, w, kilobytes }) => {
    const { graph } = sample()
    const [committed, open] = ([0, 1] as Mode[]).map(mode => layoutOf(graph, batch, mode))
    const shape = (matrix: { rows: number; c: number } | undefined): number[] | undefined =>
      matrix && [matrix.rows, 2 ** matrix.c]
    expect([committed!.leaves.total, committed!.leaves.nu]).toEqual(leaves ?? [0, 0])
    expect([shape(committed!.d), shape(committed!.w), shape(open!.w)]).toEqual([d, w, undefined])
    expect([committed!, open!].map(({ proofSize }) => Math.round(proofSize / 1000))).toEqual(kilobytes)
    for (const layout of [committed!, open!]) expect(securityBits(graph, layout)).toBeGreaterThan(100)
  })
})

describe('errors of section 10', () => {
  test('LeNet’s are those of its column', () => {
    const { graph } = leNet()
    expect(securityBits(graph, layoutOf(graph, 1, 0)).toFixed(2)).toBe('102.01')
  })

  test('the Iris network’s, added up by hand', () => {
    const p = 2013265921
    const lookups = 20992 + 3 * (512 + 4096)
    // λ and τ of 14 levels, the first τ, and a round of degree 3 for each variable.
    const levels = 1 + 14 * 2 + 3 * ((14 * 15) / 2)
    const output = 9 + 2
    // Over 16 and over 4 features.
    const dense = 2 * 4 + 2 * 2
    // r0, y0, two multiplicities, and y0 again for the second layer.
    const columns = 4 + 2 * 15 + 6 * 2048
    const weights = 3 + 2 * 8 + 2 * 256
    const total = (lookups + levels + output + dense + columns + weights) / p ** 4 + 2 * (5 / 8) ** 152
    const { graph } = irisNetwork()
    expect(securityBits(graph, layoutOf(graph, 500, 0))).toBeCloseTo(-Math.log2(total), 10)
    expect(2 * (5 / 8) ** 152).toBeLessThan(2 ** -102.06)
  })

  test('several claims on one tensor are merged, and count', () => {
    const graphWith = (reads: number): Graph => {
      const { input, build } = graphBuilder({ dims: [8], lo: -1, hi: 1 })
      const x = input.add(input)
      return build(...Array.from({ length: reads }, () => x.sum())).graph
    }
    // A merge of two claims: its γ, three rounds of degree 2; the second output has no bits, its tensor one claim.
    const [one, two] = [1, 2].map(
      reads => 2 ** -securityBits(graphWith(reads), layoutOf(graphWith(reads), 1, 1)),
    )
    expect(one).toBe(0)
    expect(two! * 2013265921 ** 4).toBeCloseTo(1 + 3 * 2, 6)
    const [small, large] = [1, 2].map(reads => layoutOf(graphWith(reads), 1, 1).proofSize)
    expect(large! - small!).toBe(16 * (3 * 2 + 1))
  })
})

test('vectors are packed by descending size, equals in order, each at a multiple of its size', () => {
  expect(pack([2, 8, 1, 8, 4])).toEqual({
    items: [
      { size: 2, offset: 20 },
      { size: 8, offset: 0 },
      { size: 1, offset: 22 },
      { size: 8, offset: 8 },
      { size: 4, offset: 16 },
    ],
    total: 23,
  })
  expect(pack([])).toEqual({ items: [], total: 0 })
})

test('a matrix has the width that makes its opening smallest', () => {
  expect(matrixOf(1)).toEqual({ total: 1, c: 6, rows: 1, mu: 6 })
  expect(matrixOf(65)).toEqual({ total: 65, c: 6, rows: 2, mu: 7 })
  expect(matrixOf(2 ** 24)).toEqual({ total: 2 ** 24, c: 13, rows: 2 ** 11, mu: 24 })
  for (const total of [100, 5000, 31808, 92968, 999_999]) {
    const cost = (c: number): number => 16 * 2 ** c + 608 * Math.ceil(total / 2 ** c) + 4864 * (c - 4)
    const costs = [6, 7, 8, 9, 10, 11, 12, 13].map(cost)
    expect(matrixOf(total).c).toBe(6 + costs.indexOf(Math.min(...costs)))
  }
})

test('columns, lookups and tables stand in section 4’s order, and fill their spaces without gaps', () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = randomOf(seed)
    const { graph } = randomGraph(random)
    const layout = layoutOf(graph, random(1, 5), 1)
    const { columns, lookups, tables, leaves, d } = layout
    const firstUse = [...new Set(lookups.map(({ table }) => table))]
    expect(firstUse).toEqual([...tables.keys()])
    expect(lookups.map(({ node }) => node)).toEqual(lookups.map(({ node }) => node).sort((a, b) => a - b))
    expect(tiles([...lookups, ...tables])).toBe(leaves.total)
    expect(tiles([...columns, ...tables.map(({ multiplicities }) => multiplicities)])).toBe(d?.total ?? 0)
    expect(d === undefined).toBe(leaves.total === 0)
  }
})

/** The total of items that lie side by side at multiples of their sizes. */
function tiles(items: { size: number; offset: number }[]): number {
  let end = 0
  for (const { size, offset } of items.toSorted((a, b) => a.offset - b.offset)) {
    expect([offset, offset % size]).toEqual([end, 0])
    end += size
  }
  return end
}

describe('what is too large is refused before anything is allocated', () => {
  const wide = (lookups: number): Graph => {
    const { input, build } = graphBuilder({ dims: [64, 64], lo: -9, hi: 9 })
    let x = input
    for (let i = 0; i < lookups; i++) x = x.clamp(-9, 9, { multiplier: 2, shift: 1 })
    return build(x).graph
  }
  test('leaves and committed values', () => {
    expect(layoutOf(wide(2), 128, 1).leaves.total).toBeGreaterThan(2 ** 21)
    expect(() => layoutOf(wide(5), 128, 1)).toThrow(expect.objectContaining({ code: 'model-too-large' }))
  })

  test('weights: 2^24 with their padding', () => {
    const dense = (x: number): Node => ({ op: 'dense', x, weight: x, lo: -9, hi: 9 })
    const square = (nodes: Node[], side: number): Graph => ({
      input: { dims: [side], lo: -9, hi: 9 },
      tables: [],
      parameters: nodes.map(() => ({ dims: [side, side] })),
      nodes,
      outputs: [nodes.length],
    })
    const most = square([dense(0)], 4096)
    const { w } = layoutOf(most, 1, 0)
    expect(w).toEqual({ total: 2 ** 24, c: 13, rows: 2 ** 11, mu: 24 })
    expect(securityBits(most, layoutOf(most, 1, 0))).toBeGreaterThan(100.5)
    for (const graph of [square([dense(0), dense(1)], 4096), square([dense(0)], 4097)])
      expect(() => layoutOf(graph, 1, 1)).toThrow(expect.objectContaining({ code: 'model-too-large' }))
  })

  test('the verifier’s work, by the caller’s limit', () => {
    const { graph } = leNet()
    expect(() => layoutOf(graph, 1, 0, { operations: 2 ** 20 })).not.toThrow()
    expect(() => layoutOf(graph, 1, 0, { operations: 2 ** 16 })).toThrow(
      expect.objectContaining({ code: 'model-too-large' }),
    )
  })

  test('of strangers: all of section 8’s networks are within', () => {
    const networks: [Sample, batch: number][] = [
      [irisRegression(), 1],
      [irisNetwork(), 500],
      [leNet(), 16],
      [largePerceptron(), 1],
      [transformer(), 1],
    ]
    for (const [{ graph }, batch] of networks)
      for (const mode of [0, 1] as const)
        expect(() => layoutOf(graph, batch, mode, STRANGER_LIMITS)).not.toThrow()
  })

  test('a graph without parameters has public weights only', () => {
    expect(() => layoutOf(wide(1), 1, 0)).toThrow(expect.objectContaining({ code: 'invalid-graph' }))
    expect(layoutOf(wide(1), 1, 1).parameters).toEqual([])
  })
})
