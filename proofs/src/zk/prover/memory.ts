/** What a proof takes of the engine's memory, known before it is begun. */
import type { Graph, Layout, MatrixShape } from '../graph/graph.ts'

/** Bytes: the model's matrix and code words, and the most that a proof holds beside them. */
export function estimateMemory(graph: Graph, layout: Layout): number {
  return modelMemory(graph, layout) + proofMemory(layout)
}

function modelMemory({ parameters }: Graph, { parameters: items, w }: Layout): number {
  const total = items.reduce((sum, { size }) => sum + size, 0)
  if (parameters.length === 0) return 0
  return w ? 8 * 2 ** w.mu + commitmentMemory(w) : 4 * total
}

function proofMemory({ tensors, lookups, leaves, d, w }: Layout): number {
  const sizes = tensors.map(({ size }) => size)
  const kept =
    4 * sum(sizes) + 4 * sum(lookups.map(({ size }) => size)) + (d ? 8 * 2 ** d.mu + commitmentMemory(d) : 0)
  // Numerators and denominators of all levels, and an eq table.
  const fractions = leaves.nu > 0 ? 72 * 2 ** leaves.nu : 0
  // Three vectors of K beside a bound one, of the largest tensor.
  const linear = 16 * 4 * Math.max(...sizes)
  const opening = Math.max(...[d, w].map(shape => (shape ? 32 * 2 ** shape.mu : 0)))
  return kept + Math.max(fractions, linear, opening) + SMALL
}

/** Code words and tree. */
function commitmentMemory({ rows, c }: MatrixShape): number {
  return (16 * rows + 4 * 64) * 2 ** c
}

/** Points, rows of a matrix, tables of the code. */
const SMALL = 2 ** 20

const sum = (list: readonly number[]): number => list.reduce((total, value) => total + value, 0)
