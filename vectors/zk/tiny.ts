import type { FunctionId, Graph, Weights } from '../../proofs/src/zk/graph/graph.ts'
import { createBuilder, type Parameter } from '../../proofs/src/zk/import/builder.ts'

/** A graph that a slow prover proves in seconds, with weights and inputs. */
export type Tiny = { graph: Graph; weights: Weights; batch: number; input: Int32Array }

/** A linear congruential generator: the same numbers everywhere. */
function createNumbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const elements = (dims: readonly number[]): number => dims.reduce((n, dim) => n * dim, 1)

/** Integers from -bound to bound. */
function drawn(next: (below: number) => number, dims: number[], bound: number): Parameter {
  return { dims, values: Int32Array.from({ length: elements(dims) }, () => next(2 * bound + 1) - bound) }
}

const RELU: FunctionId = { clamp: [0, 15] }

/** A regression, three rows at once: nothing is committed but the weights, one of which is large. */
export function tinyRegression(): Tiny {
  const next = createNumbers(1)
  const builder = createBuilder({ dims: [5], lo: -100, hi: 100 })
  const output = builder.dense(0, drawn(next, [2, 5], 40_000), drawn(next, [2], 1_000_000))
  return finish(builder.finish([output]), next, 3)
}

/** Pictures: convolution with uneven pads and strides, both poolings, a wide lookup, the class. */
export function tinyPictures(): Tiny {
  const next = createNumbers(2)
  const builder = createBuilder({ dims: [2, 5, 6], lo: -8, hi: 7 })
  const conv = builder.conv(0, drawn(next, [3, 2, 3, 2], 7), drawn(next, [3], 7), {
    stride: [1, 2],
    pads: [1, 1, 0, 1],
  })
  const relu = builder.lookup(conv, 3, 4, RELU)
  const windows = { stride: [2, 1], pads: [0, 0, 0, 1] } as const
  const pool = (): number =>
    builder.unfold(relu, [3, 2], { stride: [...windows.stride], pads: [...windows.pads] })
  const largest = builder.max(pool(), 2)
  const average = builder.sum(pool(), 2)
  const both = builder.add(average, largest, 1, -2)
  const flat = builder.reshape(both, [18])
  const dense = builder.dense(flat, drawn(next, [3, 18], 100))
  const scores = builder.lookup(dense, 1, 5, { clamp: [-3, 4] })
  return finish(builder.finish([average, builder.argmax(scores)]), next, 2)
}

/** Attention in small: products of activations, broadcasts, tables with f(0) other than 0, remainders of two columns. */
export function tinyAttention(): Tiny {
  const next = createNumbers(3)
  const builder = createBuilder({ dims: [3, 6], lo: -7, hi: 7 })
  const soft = builder.table(Array.from({ length: 32 }, (_, i) => Math.round(3 + ((i - 16) * i) / 12)))
  const dense = builder.dense(0, drawn(next, [6, 6], 7), drawn(next, [6], 20))
  const active = builder.lookup(dense, 1, 1, { table: soft })
  const heads = builder.permute(builder.reshape(active, [3, 3, 2]), [1, 0, 2])
  const scores = builder.matmul(heads, heads, true)
  const scaled = builder.lookup(scores, 5, 14, { clamp: [-8, 7] })
  const largest = builder.max(scaled, 1)
  const lowered = builder.add(scaled, largest, -1, 1)
  const weights = builder.lookup(lowered, 1, 0, { table: builder.table(POWERS) })
  const total = builder.sum(weights, 1)
  const shares = builder.lookup(builder.mul(weights, total), 1, 3, { clamp: [-8, 7] })
  const mixed = builder.matmul(shares, heads, false)
  const back = builder.reshape(builder.permute(mixed, [1, 0, 2]), [3, 6])
  const residual = builder.add(back, active, 1, 9)
  const squares = builder.mul(residual, residual)
  const sums = builder.sum(squares, 1)
  return finish(builder.finish([sums, builder.argmax(active)]), next, 1)
}

/** 8 · 2^(-q / 4) for q = -16 to 15. */
const POWERS = Array.from({ length: 32 }, (_, i) =>
  i < 16 ? 8 : [8, 7, 6, 5, 4, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1][i - 16]!,
)

function finish(
  { graph, weights }: { graph: Graph; weights: Weights },
  next: (below: number) => number,
  batch: number,
): Tiny {
  const { dims, lo, hi } = graph.input
  const input = Int32Array.from({ length: batch * elements(dims) }, () => lo + next(hi - lo + 1))
  return { graph, weights, batch, input }
}
