import { describe, expect, test } from 'vitest'
import { graphBuilder, type Parameter, type Tensor } from './build.ts'
import type { Graph, Node, Range } from './graph.ts'
import { randomGraph, randomOf } from './randomGraph.ts'
import { checkGraph, checkWeights, rangeOf } from './ranges.ts'

const overflow = expect.objectContaining({ code: 'range-overflow' })

describe('interval arithmetic', () => {
  const weight: Parameter = { dims: [2, 2], values: [1, -2, 3, 0] }
  test.each<[string, number[], (x: Tensor) => Tensor, [number, number]]>([
    ['dense', [2], x => x.dense(weight), [-13, 15]],
    ['dense with a bias', [2], x => x.dense(weight, { dims: [2], values: [100, 0] }), [-9, 111]],
    ['conv', [2, 1, 1], x => x.conv({ dims: [1, 2, 1, 1], values: [1, -2] }), [-13, 11]],
    ['unfold', [1, 2, 2], x => x.unfold([2, 2]), [-3, 5]],
    ['sum', [2, 3], x => x.sum(2), [-18, 30]],
    ['matmul', [2, 3], x => x.matmul(x, { transposed: true }), [-45, 75]],
    ['add', [2], x => x.add(x, 2, -3), [-21, 19]],
    ['mul', [2], x => x.mul(x), [-15, 25]],
    ['reshape', [2], x => x.reshape(1, 2), [-3, 5]],
    ['a clamp', [2], x => x.clamp(-1, 2), [-1, 2]],
    ['a table without 0', [2], x => x.table(Int16Array.of(9, 8, 7, 7)), [0, 9]],
    ['max', [2], x => x.max(), [-3, 5]],
    ['argmax', [5], x => x.argmax(), [0, 4]],
  ])('%s', (_, dims, operator, range) => {
    const { input, build } = graphBuilder({ dims, lo: -3, hi: 5 })
    const y = operator(input)
    expect([y.lo, y.hi]).toEqual(range)
    const { graph, weights } = build(y)
    // A range that is narrower on either side is refused.
    for (const narrower of [{ lo: range[0] + 1 }, { hi: range[1] - 1 }]) {
      const changed = withNode(graph, graph.nodes.length - 1, narrower)
      if (range[0] === 0 && 'lo' in narrower) continue
      expect(() => {
        checkGraph(changed)
        checkWeights(changed, weights)
      }).toThrow(overflow)
    }
  })
})

function withNode(graph: Graph, index: number, change: Partial<Node>): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node, j) => (j === index ? ({ ...node, ...change } as Node) : node)),
  }
}

test('declared ranges contain 0 and stay within 2^29', () => {
  const most = 2 ** 29
  expect(() => over([1], { lo: -most, hi: most }).reshape(1)).not.toThrow()
  const { input: x, build } = graphBuilder({ dims: [1], lo: -3, hi: 5 })
  const { graph } = build(x.reshape(1))
  for (const input of [
    { lo: 1, hi: 2 },
    { lo: -2, hi: -1 },
    { lo: -most - 1, hi: 0 },
    { lo: 0, hi: most + 1 },
  ])
    expect(() => checkGraph({ ...graph, input: { dims: [1], ...input } })).toThrow(overflow)
  expect(() => over([2], { lo: 0, hi: most }).sum()).toThrow(overflow)
  const large = over([2], { lo: 0, hi: 2 ** 20 })
  expect(() => large.mul(large)).toThrow(overflow)
})

function over(dims: number[], x: Range): Tensor {
  return graphBuilder({ dims, ...x }).input
}

/** A lookup over x in [lo, hi] with fields of its own. */
function lookup(
  x: Range,
  fields: Partial<Extract<Node, { op: 'lookup' }>>,
  table?: Int16Array,
): () => unknown {
  const node: Node = {
    ...{ op: 'lookup', x: 0, multiplier: 1, shift: 0, f: { clamp: [-8, 7] }, wide: false, width: 12 },
    ...{ lo: -128, hi: 127 },
    ...fields,
  }
  const graph = {
    input: { dims: [1], ...x },
    tables: table ? [table] : [],
    parameters: [],
    nodes: [node],
    outputs: [1],
  }
  return () => checkGraph(graph)
}

describe('rule 2: lookups', () => {
  const byte = { lo: -128, hi: 127 }
  test('multiplier, shift and m·|x| + h', () => {
    expect(lookup(byte, { multiplier: 1 })).not.toThrow()
    for (const fields of [{ multiplier: 0 }, { multiplier: 2 ** 15 }, { shift: 25 }])
      expect(lookup(byte, fields)).toThrow(overflow)
    const large = { lo: 0, hi: 2 ** 24 - 1 }
    expect(lookup(large, { multiplier: 31, shift: 19 })).not.toThrow()
    expect(lookup(large, { multiplier: 33, shift: 24 })).toThrow(overflow)
  })

  test('narrow: q within the window', () => {
    expect(lookup(byte, { width: 8 })).not.toThrow()
    expect(lookup({ lo: -129, hi: 127 }, { width: 8 })).toThrow(overflow)
    expect(lookup({ lo: -128, hi: 128 }, { width: 8 })).toThrow(overflow)
    // Rounding reaches one more: (127 + 1) >> 1 is 64.
    expect(lookup(byte, { width: 7, shift: 1 })).toThrow(overflow)
    expect(lookup({ lo: -128, hi: 126 }, { width: 7, shift: 1 })).not.toThrow()
    expect(lookup({ lo: 0, hi: 0 }, { width: 0 })).toThrow(overflow)
    expect(lookup(byte, { width: 13 })).toThrow(overflow)
    expect(lookup(byte, { width: 12, shift: 19 })).not.toThrow()
    expect(lookup(byte, { width: 12, shift: 20 })).toThrow(overflow)
  })

  test('wide: u within the window, and all below p', () => {
    // o = -8, v = 4: u = ⌊(q + 8) / 16⌋ is from -8 to 8.
    expect(lookup(byte, { wide: true, width: 4 })).not.toThrow()
    expect(lookup(byte, { wide: true, width: 3 })).toThrow(overflow)
    expect(lookup({ lo: -136, hi: 119 }, { wide: true, width: 3 })).not.toThrow()
    expect(lookup({ lo: -137, hi: 119 }, { wide: true, width: 3 })).toThrow(overflow)
    expect(lookup(byte, { wide: true, width: 12 })).toThrow(overflow)
    // 2^s (2^8 + 8) + 2^29 < p.
    expect(lookup(byte, { wide: true, width: 4, shift: 22 })).not.toThrow()
    expect(lookup(byte, { wide: true, width: 4, shift: 23 })).toThrow(overflow)
  })

  test('functions: a clamp has 0 within, a table its own width, a window at most 10 bits', () => {
    for (const clamp of [
      [1, 2],
      [-2, -1],
    ] as [number, number][])
      expect(lookup(byte, { f: { clamp } })).toThrow(overflow)
    const f = { table: 0 }
    expect(lookup(byte, { f, width: 8 }, new Int16Array(256))).not.toThrow()
    expect(lookup(byte, { f, width: 9 }, new Int16Array(256))).toThrow(overflow)
    expect(lookup(byte, { f, width: 1, wide: true }, new Int16Array(1024))).not.toThrow()
    expect(lookup(byte, { f, width: 1, wide: true }, new Int16Array(2048))).toThrow(overflow)
    expect(lookup(byte, { f: { clamp: [-500, 523] }, wide: true, width: 1, lo: -500, hi: 523 })).not.toThrow()
    expect(lookup(byte, { f: { clamp: [-500, 524] }, wide: true, width: 1, lo: -500, hi: 524 })).toThrow(
      overflow,
    )
    expect(lookup(byte, { f: { clamp: [-200, 100] } })).toThrow(overflow)
  })
})

describe('rules 3 and 4: max and argmax', () => {
  const over = (dims: number[], x: Range, node: Partial<Node>): (() => unknown) => {
    const nodes = [{ x: 0, lo: x.lo, hi: Math.max(x.hi, (dims.at(-1) ?? 1) - 1), ...node } as Node]
    return () => checkGraph({ input: { dims, ...x }, tables: [], parameters: [], nodes, outputs: [1] })
  }
  test('max: differences fit, at most 2^12 elements', () => {
    expect(over([3], { lo: -100, hi: 155 }, { op: 'max', count: 1, width: 8 })).not.toThrow()
    expect(over([3], { lo: -100, hi: 156 }, { op: 'max', count: 1, width: 8 })).toThrow(overflow)
    expect(over([3], { lo: 0, hi: 1 }, { op: 'max', count: 1, width: 13 })).toThrow(overflow)
    expect(over([64, 64], { lo: 0, hi: 1 }, { op: 'max', count: 2, width: 1 })).not.toThrow()
    expect(over([64, 65], { lo: 0, hi: 1 }, { op: 'max', count: 2, width: 1 })).toThrow(overflow)
  })

  test('argmax: scaled differences fit, and x its window', () => {
    const fields = { op: 'argmax' as const, width: 12, window: 8 }
    expect(over([10], { lo: -128, hi: 127 }, fields)).not.toThrow()
    expect(over([10], { lo: -128, hi: 128 }, fields)).toThrow(overflow)
    expect(over([10], { lo: -128, hi: 127 }, { ...fields, window: 7 })).toThrow(overflow)
    expect(over([10], { lo: -1, hi: 1 }, { ...fields, window: 13 })).toThrow(overflow)
    expect(over([10], { lo: 0, hi: 0 }, { ...fields, window: 0 })).toThrow(overflow)
    expect(over([17], { lo: -128, hi: 127 }, fields)).toThrow(overflow)
    expect(over([10], { lo: -128, hi: 127 }, { ...fields, width: 11 })).toThrow(overflow)
  })
})

test('rule 5: parameters are below 2^29, and as many as the graph says', () => {
  const { input, build: done } = graphBuilder({ dims: [1], lo: 0, hi: 1 })
  const { graph } = done(input.dense({ dims: [1, 1], values: [2 ** 29 - 1] }))
  expect(() => checkWeights(graph, [Int32Array.of(2 ** 29)])).toThrow(
    expect.objectContaining({ code: 'weight-out-of-range' }),
  )
  expect(() => checkWeights(graph, [Int32Array.of(2 ** 29 - 2)])).not.toThrow()
  expect(() => checkWeights(graph, [Int32Array.of(-1)])).toThrow(overflow)
  for (const wrong of [[], [Int32Array.of(1, 2)], [Int32Array.of(1), Int32Array.of(1)]])
    expect(() => checkWeights(graph, wrong)).toThrow(expect.objectContaining({ code: 'shape-mismatch' }))
})

test('what the builder makes is valid, whatever it is', () => {
  for (let seed = 0; seed < 300; seed++) {
    const { graph, weights } = randomGraph(randomOf(seed), 12)
    checkGraph(graph, 4)
    checkWeights(graph, weights)
    expect(rangeOf(graph, 0)).toBe(graph.input)
  }
})
