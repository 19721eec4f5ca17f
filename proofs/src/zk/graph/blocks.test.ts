import { describe, expect, test } from 'vitest'
import { geluTable, sigmoidTable, tableOf } from './activations.ts'
import { layerNorm, NORM_DEVIATION, PROBABILITY_ONE, softmax } from './blocks.ts'
import { graphBuilder, type Tensor } from './build.ts'
import { witnessOf } from './columns.ts'
import { layoutOf } from './layout.ts'
import { randomInput, randomOf } from './randomGraph.ts'
import { run } from './reference.ts'
import { transformer } from './samples.ts'

const sum = (list: number[]): number => list.reduce((total, value) => total + value, 0)
const random = randomOf(1)

/** Rows of a block over [rows, length], beside the input's. */
function rowsOf(rows: number[][], block: (x: Tensor) => Tensor): number[][] {
  const length = rows[0]!.length
  const { input, build } = graphBuilder({ dims: [rows.length, length], lo: -128, hi: 127 })
  const { graph, weights } = build(block(input))
  const tensors = run(graph, weights, Int32Array.from(rows.flat()))
  // Every lookup has its entry.
  witnessOf(graph, layoutOf(graph, 1, 1), tensors)
  const y = [...tensors.at(-1)!]
  return rows.map((_, i) => y.slice(i * length, (i + 1) * length))
}

const randomRows = (count: number, length: number, largest: number): number[][] =>
  Array.from({ length: count }, () => Array.from({ length }, () => random(-largest, largest)))

describe('blocks of Appendix A come as near to the real functions as eight bits can', () => {
  test.each([3, 32, 100])('softmax of %i elements', length => {
    const scale = 1 / 16
    const rows = [...randomRows(20, length, 127), new Array(length).fill(-128), new Array(length).fill(9)]
    for (const [i, y] of rowsOf(rows, x => softmax(x, scale)).entries()) {
      const e = rows[i]!.map(x => Math.exp(x * scale))
      const real = e.map(value => (value / sum(e)) * PROBABILITY_ONE)
      for (const [k, value] of y.entries())
        expect(Math.abs(value - real[k]!)).toBeLessThan(1.5 + 0.02 * real[k]!)
    }
  })

  test('softmax: one element takes all, the largest distance is nothing', () => {
    expect(rowsOf([[-128, 127, -128, -128]], x => softmax(x, 1))).toEqual([[0, 255, 0, 0]])
  })

  test.each([8, 64])('layer norm of %i elements', length => {
    const rows = [...randomRows(20, length, 127), ...randomRows(20, length, 30)]
    for (const [i, y] of rowsOf(rows, layerNorm).entries()) {
      const mean = sum(rows[i]!) / length
      const deviation = Math.sqrt(sum(rows[i]!.map(x => (x - mean) ** 2)) / length)
      for (const [k, value] of y.entries()) {
        const real = ((rows[i]![k]! - mean) / deviation) * NORM_DEVIATION
        // x is halved before it is squared, and the variance is told in steps of 64.
        const bound = 1.5 + 35 / deviation + Math.abs(real) * (0.03 + 20 / deviation ** 2)
        expect(Math.abs(value - Math.min(Math.max(real, -127), 127))).toBeLessThan(bound)
      }
    }
  })

  test('layer norm of equal elements is 0', () => {
    expect(rowsOf([new Array(16).fill(77)], layerNorm)).toEqual([new Array(16).fill(0)])
  })
})

test('a transformer block keeps its dimensions, and answers the same for the same tokens elsewhere', () => {
  const { graph, weights } = transformer({ tokens: 4, d: 16, heads: 2, hidden: 32 })
  const input = randomInput(random, graph, 1)
  const y = run(graph, weights, input).at(-1)!
  expect(y.length).toBe(input.length)
  expect(new Set(y).size).toBeGreaterThan(10)
  // Attention without a mask: tokens in another order give results in that order.
  const turned = (values: Int32Array): Int32Array =>
    Int32Array.of(...values.slice(16), ...values.slice(0, 16))
  expect(run(graph, weights, turned(input)).at(-1)).toEqual(turned(y))
})

test('tables of real functions are rounded and kept within i16', () => {
  expect([...tableOf(2, q => q * 1e9)]).toEqual([-32768, -32768, 0, 32767])
  expect([...tableOf(1, () => Number.NaN)]).toEqual([0, 0])
  expect([...sigmoidTable(2, 10, 1 / 100)]).toEqual([0, 0, 50, 100])
  const gelu = geluTable(9, 1 / 32, 1 / 32)
  const at = (q: number): number => gelu[q + 256]!
  expect([at(0), at(64), at(-64), at(-24), at(255), at(-255)]).toEqual([0, 63, -1, -5, 127, 0])
})
