import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Graph, Node } from './graph.ts'
import { bits, paddedSizeOf, sizeOf } from './limits.ts'
import { isFreeReshape, shapesOf } from './shapes.ts'

const range = { lo: -1, hi: 1 }
const at = { stride: [1, 1] as [number, number], pads: [0, 0, 0, 0] as [number, number, number, number] }

/** A node without its range. */
type Bare = Node extends infer N ? (N extends Node ? Omit<N, 'lo' | 'hi'> : never) : never

/** One node over an input, or several; the last is the output. */
function graphOf(dims: number[], nodes: Bare[], parameters: number[][] = []): Graph {
  return {
    input: { dims, ...range },
    tables: [],
    parameters: parameters.map(shape => ({ dims: shape })),
    nodes: nodes.map(node => ({ ...node, ...range }) as Node),
    outputs: [nodes.length],
  }
}

const shapeOf = (...graph: Parameters<typeof graphOf>): number[] =>
  shapesOf(graphOf(...graph), 3)
    .at(-1)!
    .dims.slice(1)

function refused(code: string, ...graph: Parameters<typeof graphOf>): void {
  expect(() => shapesOf(graphOf(...graph), 3)).toThrow(expect.objectContaining({ code }))
}

describe('dimensions of section 2.2', () => {
  test('dense', () => {
    expect(shapeOf([5, 4], [{ op: 'dense', x: 0, weight: 0, bias: 1 }], [[3, 4], [3]])).toEqual([5, 3])
    refused('shape-mismatch', [5], [{ op: 'dense', x: 0, weight: 0 }], [[3, 4]])
    refused('shape-mismatch', [4], [{ op: 'dense', x: 0, weight: 0, bias: 1 }], [[3, 4], [4]])
    for (const weight of [[3, 4, 1, 1], [12], [3, 4, 1]])
      refused('shape-mismatch', [4], [{ op: 'dense', x: 0, weight: 0 }], [weight])
    refused('shape-mismatch', [], [{ op: 'dense', x: 0, weight: 0 }], [[3, 1]])
  })

  test('conv and unfold', () => {
    const conv = { op: 'conv' as const, x: 0, weight: 0, stride: [2, 1] as [number, number] }
    const pads = [1, 0, 0, 2] as [number, number, number, number]
    expect(shapeOf([2, 5, 6], [{ ...conv, pads }], [[7, 2, 3, 4]])).toEqual([7, 2, 5])
    refused('shape-mismatch', [1, 5, 6], [{ ...conv, pads }], [[7, 2, 3, 4]])
    refused('shape-mismatch', [2, 1, 6], [{ ...conv, pads }], [[7, 2, 3, 4]])
    refused('shape-mismatch', [2, 5, 6], [{ ...conv, pads, stride: [0, 1] }], [[7, 2, 3, 4]])
    refused('shape-mismatch', [5, 6], [{ ...conv, pads }], [[7, 2, 3, 4]])
    expect(shapeOf([2, 5, 6], [{ op: 'unfold', x: 0, kernel: [3, 4], ...at }])).toEqual([2, 3, 3, 3, 4])
    refused('shape-mismatch', [2, 5, 6], [{ op: 'unfold', x: 0, kernel: [0, 4], ...at }])
  })

  test('sum, max, argmax', () => {
    expect(shapeOf([2, 3, 4], [{ op: 'sum', x: 0, count: 2 }])).toEqual([2])
    expect(shapeOf([2, 3, 4], [{ op: 'max', x: 0, count: 3, width: 2 }])).toEqual([])
    expect(shapeOf([2, 3, 4], [{ op: 'argmax', x: 0, width: 4, window: 2 }])).toEqual([2, 3])
    for (const count of [0, 4]) refused('shape-mismatch', [2, 3, 4], [{ op: 'sum', x: 0, count }])
    refused('shape-mismatch', [], [{ op: 'argmax', x: 0, width: 4, window: 2 }])
  })

  test('matmul, add, mul', () => {
    const reshaped = { op: 'reshape' as const, x: 0, dims: [2, 4, 3] }
    const matmul = { op: 'matmul' as const, a: 0, b: 1 }
    expect(shapeOf([2, 3, 4], [reshaped, { ...matmul, transposed: false }])).toEqual([2, 3, 3])
    expect(shapeOf([2, 3, 4], [{ ...matmul, b: 0, transposed: true }])).toEqual([2, 3, 3])
    refused('shape-mismatch', [2, 3, 4], [reshaped, { ...matmul, transposed: true }])
    refused('shape-mismatch', [2, 3, 4], [{ ...matmul, b: 0, transposed: false }])
    refused('shape-mismatch', [4], [{ ...matmul, b: 0, transposed: true }])
    const sum = { op: 'sum' as const, x: 0, count: 1 }
    expect(shapeOf([2, 3], [sum, { op: 'mul', a: 0, b: 1 }])).toEqual([2, 3])
    refused('shape-mismatch', [2, 3], [sum, { op: 'mul', a: 1, b: 0 }])
    refused(
      'shape-mismatch',
      [2, 3],
      [
        { ...sum, count: 2 },
        { op: 'add', a: 0, b: 1, ca: 1, cb: 1 },
      ],
    )
  })

  test('reshape and permute', () => {
    expect(shapeOf([2, 3, 4], [{ op: 'permute', x: 0, axes: [2, 0, 1] }])).toEqual([4, 2, 3])
    for (const axes of [
      [0, 1],
      [0, 1, 1],
      [0, 1, 3],
    ])
      refused('shape-mismatch', [2, 3, 4], [{ op: 'permute', x: 0, axes }])
    refused('shape-mismatch', [2, 3], [{ op: 'reshape', x: 0, dims: [5] }])
    refused('shape-mismatch', [2, 3], [{ op: 'reshape', x: 0, dims: [6, 0] }])
    expect(shapeOf([1, 1], [{ op: 'reshape', x: 0, dims: [] }])).toEqual([])
  })
})

test('padding is each dimension’s own, the batch’s too', () => {
  const graph = graphOf([5, 1], [{ op: 'sum', x: 0, count: 1 }])
  expect(shapesOf(graph, 3)).toEqual([
    { dims: [3, 5, 1], bits: [2, 3, 0], size: 32 },
    { dims: [3, 5], bits: [2, 3], size: 32 },
  ])
})

test('limits of section 2.1', () => {
  const sum: Bare = { op: 'sum', x: 0, count: 1 }
  expect(shapesOf(graphOf([2 ** 16, 2 ** 6], [sum]), 1)).toHaveLength(2)
  expect(() => shapesOf(graphOf([2 ** 16, 2 ** 6], [sum]), 2)).toThrow(
    expect.objectContaining({ code: 'model-too-large' }),
  )
  refused('shape-mismatch', [2 ** 16 + 1], [sum])
  refused('shape-mismatch', [0], [sum])
  // An unfolded tensor may have four times as many, as nobody commits to it.
  const unfold = (side: number): Bare => ({ op: 'unfold', x: 0, kernel: [side, side], ...at })
  const graph = (side: number): Graph =>
    graphOf([64, 129, 129], [unfold(side), { op: 'sum', x: 1, count: 2 }])
  const sizes = shapesOf(graph(3), 1).map(({ size }) => Math.log2(size))
  expect(sizes).toEqual([22, 24, 20])
  expect(() => shapesOf(graph(5), 1)).toThrow(expect.objectContaining({ code: 'model-too-large' }))
  for (const batch of [0, 4097, 1.5]) expect(() => shapesOf(graphOf([1], [sum]), batch)).toThrow()
})

describe('a graph’s structure', () => {
  const sum: Bare = { op: 'sum', x: 0, count: 1 }
  const structure = (change: Partial<Graph>): void => {
    const graph = { ...graphOf([4, 4], [sum, { op: 'dense', x: 1, weight: 0 }], [[3, 4]]), ...change }
    expect(() => shapesOf(graph, 1)).toThrow(expect.objectContaining({ code: 'invalid-graph' }))
  }
  const dense = { op: 'dense' as const, x: 1, weight: 0, ...range }
  test('reads what is there before', () => {
    structure({ nodes: [{ ...sum, x: 1, ...range }, dense] })
    structure({
      nodes: [
        { ...sum, ...range },
        { ...dense, weight: 1 },
      ],
    })
    structure({
      nodes: [
        { ...sum, ...range },
        { ...dense, bias: 1 },
      ],
    })
    structure({ outputs: [3] })
    structure({ outputs: [0, 2] })
  })

  test('has nodes and outputs, ascending ones', () => {
    structure({ nodes: [] })
    structure({ outputs: [] })
    structure({ outputs: [2, 1] })
    structure({ outputs: [2, 2] })
  })

  test('has nothing that is not used, and no parameter that is used twice', () => {
    structure({ outputs: [1] })
    structure({ parameters: [{ dims: [3, 4] }, { dims: [3] }] })
    structure({ tables: [Int16Array.of(0, 1)] })
    structure({
      nodes: [
        { ...sum, ...range },
        { ...dense, bias: 0 },
      ],
    })
  })
})

test('a reshape is free if every element keeps its padded index', () => {
  const padded = (dims: number[], position: number): number => {
    let [index, rest, unit] = [0, position, 1]
    for (const dim of dims.toReversed()) {
      index += (rest % dim) * unit
      rest = Math.floor(rest / dim)
      unit *= 2 ** bits(dim)
    }
    return index
  }
  const literally = (x: number[], y: number[]): boolean =>
    paddedSizeOf(x) === paddedSizeOf(y) &&
    Array.from({ length: sizeOf(x) }, (_, i) => i).every(i => padded(x, i) === padded(y, i))
  const factors = fc.array(fc.constantFrom(1, 2, 2, 3, 4, 5), { maxLength: 4 })
  // The same factors in order, joined at random: the same size by other dimensions.
  const joined = (dims: number[], joins: boolean[]): number[] => {
    const list: number[] = []
    for (const [i, dim] of dims.entries())
      if (joins[i] && list.length > 0) list.push(list.pop()! * dim)
      else list.push(dim)
    return list
  }
  const flags = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })
  let free = 0
  fc.assert(
    fc.property(factors, flags, flags, (dims, one, other) => {
      const [x, y] = [joined(dims, one), joined(dims, other)]
      free += Number(isFreeReshape(x, y) && x.join() !== y.join())
      expect(isFreeReshape(x, y), `${x} to ${y}`).toBe(literally(x, y))
    }),
    { numRuns: 2000, seed: 1 },
  )
  expect(free).toBeGreaterThan(100)
  expect([
    isFreeReshape([32, 64], [32, 4, 16]),
    isFreeReshape([16, 5, 5], [400]),
    isFreeReshape([6], [2, 3]),
  ]).toEqual([true, false, false])
})
