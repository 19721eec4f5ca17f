import { describe, expect, test } from 'vitest'
import { graphBuilder, type Tensor } from './build.ts'
import type { Graph } from './graph.ts'
import { randomGraph, randomInput, randomOf } from './randomGraph.ts'
import { rangeOf } from './ranges.ts'
import { run } from './reference.ts'

/** What an operator makes of an input of these dimensions. */
function make(dims: number[], input: number[], operator: (x: Tensor) => Tensor, batch = 1): number[] {
  const range = { lo: Math.min(0, ...input), hi: Math.max(0, ...input) }
  const { input: x, build } = graphBuilder({ dims, ...range })
  const { graph, weights } = build(operator(x))
  return [...run(graph, weights, Int32Array.from(input), batch).at(-1)!]
}

const count = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const identity = [1, 0, 0, 1]

describe('each operator does what section 2.2 says', () => {
  test('dense: rows of the weight, a bias, over all other dimensions', () => {
    const weight = { dims: [2, 3], values: [1, 2, 3, -1, 0, 1] }
    const bias = { dims: [2], values: [10, -10] }
    expect(make([2, 3], count(1, 6), x => x.dense(weight, bias))).toEqual([24, -8, 42, -8])
    expect(make([3], count(1, 6), x => x.dense(weight), 2)).toEqual([14, 2, 32, 2])
  })

  test('conv: channels, a stride and a pad of its own for each side', () => {
    const weight = { dims: [1, 1, 2, 2], values: [1, 2, 3, 4] }
    expect(make([1, 3, 3], count(1, 9), x => x.conv(weight))).toEqual([37, 47, 67, 77])
    // Row -1 and column 3 are outside; rows begin at -1 and 1, columns at 0 and 1 and 2.
    const uneven = {
      stride: [2, 1] as [number, number],
      pads: [1, 0, 0, 1] as [number, number, number, number],
    }
    expect(make([1, 3, 3], count(1, 9), x => x.conv(weight, uneven))).toEqual([11, 18, 9, 67, 77, 33])
    const twice = { dims: [2, 2, 1, 1], values: [1, 10, -1, 0] }
    const bias = { dims: [2], values: [100, 0] }
    expect(make([2, 1, 2], [1, 2, 3, 4], x => x.conv(twice, { bias }))).toEqual([131, 142, -1, -2])
  })

  test('unfold: every window, with 0 outside', () => {
    const at = { stride: [1, 2] as [number, number], pads: [0, 0, 1, 0] as [number, number, number, number] }
    // y[c, oy, ox, ky, kx]: columns -1, 0 and 1, 2.
    expect(make([1, 2, 3], count(1, 6), x => x.unfold([2, 2], at))).toEqual([0, 1, 0, 4, 2, 3, 5, 6])
  })

  test('average pooling is unfold and sum, maximum pooling unfold and max', () => {
    const windows = (x: Tensor): Tensor => x.unfold([2, 2], { stride: [2, 2] })
    expect(make([1, 2, 4], count(1, 8), x => windows(x).sum(2))).toEqual([14, 22])
    expect(make([1, 2, 4], [1, -9, 0, 2, -3, 4, -1, 1], x => windows(x).max(2))).toEqual([4, 2])
  })

  test('sum: the last dimensions, all of them to a scalar', () => {
    expect(make([2, 3], count(1, 6), x => x.sum())).toEqual([6, 15])
    expect(make([2, 3], count(1, 12), x => x.sum(2), 2)).toEqual([21, 57])
  })

  test('matmul: a by b, or by b transposed, for each of the outer dimensions', () => {
    const weight = { dims: [2, 2], values: [0, 1, 1, 1] }
    // [[1, 2], [3, 4]] by its image under the weight, [[2, 3], [4, 7]].
    expect(make([2, 2], count(1, 4), x => x.matmul(x.dense(weight)))).toEqual([10, 17, 22, 37])
    expect(make([2, 2], count(1, 4), x => x.matmul(x.dense(weight), { transposed: true }))).toEqual([
      8, 18, 18, 40,
    ])
    expect(make([2, 1, 2], count(1, 4), x => x.matmul(x, { transposed: true }))).toEqual([5, 25])
    expect(make([2, 3], count(1, 6), x => x.matmul(x, { transposed: true }))).toEqual([14, 32, 32, 77])
  })

  test('add and mul: elementwise, b the same along a last dimension that it lacks', () => {
    const weight = { dims: [2, 2], values: identity }
    expect(make([2, 2], count(1, 4), x => x.add(x.dense(weight), 3, -1))).toEqual([2, 4, 6, 8])
    expect(make([2, 2], count(1, 4), x => x.add(x.sum(), 10, 1))).toEqual([13, 23, 37, 47])
    expect(make([2, 2], count(1, 4), x => x.mul(x))).toEqual([1, 4, 9, 16])
    expect(make([2, 2], count(1, 4), x => x.mul(x.sum()))).toEqual([3, 6, 21, 28])
  })

  test('reshape keeps the order, permute moves dimensions', () => {
    expect(make([2, 3], count(1, 6), x => x.reshape(3, 2))).toEqual(count(1, 6))
    expect(make([2, 3], count(1, 12), x => x.permute(1, 0), 2)).toEqual([
      1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12,
    ])
    // y[i, j, k] = x[k, i, j].
    expect(make([2, 1, 3], count(1, 6), x => x.permute(1, 2, 0))).toEqual([1, 4, 2, 5, 3, 6])
  })

  test('lookup rounds half up and clamps', () => {
    const x = [-7, -6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6, 7]
    expect(make([13], x, x => x.clamp(-1, 2, { shift: 2 }))).toEqual([
      -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 2, 2,
    ])
    expect(make([3], [-3, 0, 3], x => x.clamp(-9, 9, { multiplier: 2 }))).toEqual([-6, 0, 6])
    expect(make([3], [-300, 0, 300], x => x.clamp(0, 255, { wide: true }))).toEqual([0, 0, 255])
  })

  test('lookup of a table, which may not be 0 at 0, and holds its ends', () => {
    const f = Int16Array.from([40, 30, 20, 10])
    expect(make([4], [-2, -1, 0, 1], x => x.table(f))).toEqual([40, 30, 20, 10])
    expect(make([5], [-99, -2, 0, 1, 99], x => x.table(f))).toEqual([40, 40, 20, 10, 10])
  })

  test('max and argmax: the lowest index of a tie', () => {
    expect(make([2, 3], [1, 3, 3, -5, -6, -5], x => x.max())).toEqual([3, -5])
    expect(make([2, 3], [1, 3, 3, -5, -6, -5], x => x.argmax())).toEqual([1, 0])
    expect(make([2, 2], [1, 3, 4, 2], x => x.max(2))).toEqual([4])
  })
})

test('a batch is its inputs, one after the other', () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = randomOf(seed)
    const { graph, weights } = randomGraph(random)
    const input = randomInput(random, graph, 3)
    const whole = run(graph, weights, input, 3)
    const size = input.length / 3
    const parts = [0, 1, 2].map(b => run(graph, weights, input.slice(b * size, (b + 1) * size)))
    for (const [t, values] of whole.entries())
      expect([...values]).toEqual(parts.flatMap(part => [...part[t]!]))
  }
})

test('no valid graph leaves the ranges that it declares, at the edges of its input either', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = randomOf(seed)
    const { graph, weights } = randomGraph(random, 12)
    for (const input of [randomInput(random, graph, 2), ...edges(graph, 2)])
      for (const [t, values] of run(graph, weights, input, 2).entries()) {
        const { lo, hi } = rangeOf(graph, t)
        expect(
          values.every(value => value >= lo && value <= hi),
          `seed ${seed}, tensor ${t}`,
        ).toBe(true)
      }
  }
})

function edges({ input }: Graph, batch: number): Int32Array[] {
  const size = batch * input.dims.reduce((product, dim) => product * dim, 1)
  return [input.lo, input.hi, 0].map(value => new Int32Array(size).fill(value))
}

test('inputs of another size or outside of their range are refused', () => {
  const { input, build } = graphBuilder({ dims: [2], lo: -1, hi: 1 })
  const { graph, weights } = build(input.clamp(-1, 1))
  expect(() => run(graph, weights, Int32Array.of(1))).toThrow(
    expect.objectContaining({ code: 'invalid-input' }),
  )
  expect(() => run(graph, weights, Int32Array.of(1, 2))).toThrow(
    expect.objectContaining({ code: 'zk-value-out-of-range' }),
  )
})
