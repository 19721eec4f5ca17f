/** What a proof takes of the engine's memory, known before it is begun. */
import { proofsError } from '../../errors.ts'
import type { Graph, Layout, MatrixShape } from '../graph/graph.ts'
import { paddedSizeOf } from '../graph/limits.ts'
import { matrixOf } from '../graph/packing.ts'

/** The most bytes that model and proof may take, unless the caller says another number. */
export const DEFAULT_MEMORY = 500e6

/** The estimate of a proof. @throws NacreError model-too-large if it is above the budget */
export function ensureProofFits(layout: Layout, memory: number = DEFAULT_MEMORY): number {
  return ensureFits('the proof takes', estimateMemory(layout), memory)
}

/** The same of a model before a proof. @throws NacreError model-too-large */
export function ensureModelFits({ parameters }: Graph, memory: number = DEFAULT_MEMORY): number {
  const total = sum(parameters.map(({ dims }) => paddedSizeOf(dims)))
  return ensureFits('the weights and their commitment take', modelMemory(total), memory)
}

function ensureFits(what: string, estimate: number, memory: number): number {
  if (estimate <= memory) return estimate
  throw proofsError(
    'model-too-large',
    `${what} ${megabytes(estimate)} MB, the budget is ${megabytes(memory)} MB`,
  )
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6)

/** Bytes: a registered model's integers, matrix and commitment, and the most that a proof holds beside them. */
export function estimateMemory(layout: Layout): number {
  return modelMemory(sum(layout.parameters.map(({ size }) => size))) + proofMemory(layout)
}

/** @param total padded weights */
function modelMemory(total: number): number {
  if (total === 0) return 0
  const shape = matrixOf(total)
  // The integers have no padding, and so less than total.
  return 4 * total + 4 * 2 ** shape.mu + commitmentMemory(shape)
}

function proofMemory({ tensors, columns, tables, lookups, parameters, leaves, d, w }: Layout): number {
  const sizes = tensors.map(({ size }) => size)
  const committed = d ? 4 * 2 ** d.mu + commitmentMemory(d) : 0
  const kept = 4 * sum(sizes) + 4 * sum(lookups.map(({ size }) => size)) + committed
  // Numerators and denominators of all levels, and an eq table.
  const fractions = leaves.nu > 0 ? 72 * 2 ** leaves.nu : 0
  // Vectors of K beside a bound one, of the largest tensor.
  const linear = 16 * 4 * Math.max(...sizes)
  // At most so many parts, each with two vectors of the rows' number and one of the columns'.
  const parts = columns.length + tables.length + 2 * tensors.length + parameters.length
  const opening = (shape: MatrixShape | undefined): number =>
    shape ? 16 * (parts + 3) * (2 ** shape.c + 2 * 2 ** (shape.mu - shape.c)) : 0
  return kept + Math.max(fractions, linear, opening(d), opening(w)) + SMALL
}

/** Code words and tree. */
function commitmentMemory({ rows, c }: MatrixShape): number {
  return (16 * rows + 4 * 64) * 2 ** c
}

/** Points, rows of a matrix, tables of the code. */
const SMALL = 2 ** 20

const sum = (list: readonly number[]): number => list.reduce((total, value) => total + value, 0)
