/** All that follows from graph, batch and mode, before a proof is read (docs/zk-soundness.md, sections 4 and 8). */
import { proofsError } from '../../errors.ts'
import type { Graph, Layout, MatrixShape, Mode, TableId, TensorShape } from './graph.ts'
import { bits, CAP_BITS, LAYOUT_LIMITS, P, paddedSizeOf, QUERIES } from './limits.ts'
import { type AffineLookup, committedOf, isCommitted, tableKey, tableSize } from './lookups.ts'
import { messagesOf } from './messages.ts'
import { codewordBits, matrixOf, pack } from './packing.ts'
import { checkGraph } from './ranges.ts'
import { inputsOf } from './structure.ts'

/** What a caller allows; whoever verifies for strangers sets less: STRANGER_LIMITS. */
export type Limits = {
  /** The verifier's multiplications in K, counted by section 4. */
  operations: number
}

export const DEFAULT_LIMITS: Limits = { operations: 2 ** 26 }

/**
 * For statements of strangers. The worst that were found take half a second of one core, a heap of 32 MB and 50 MB in
 * all (strangers.node.test.ts); a million public weights and the other networks of section 8 are within. Values and
 * public weights are counted twice, so that a statement has at most 2^21 of them together.
 */
export const STRANGER_LIMITS: Limits = { operations: 2 ** 22 }

/** In bytes: magic, version, mode, two zeros, batch. */
const HEADER = 12
const ROOT = 32
const HASH = 32
const ELEMENT = 16

/**
 * The layout of a graph, which is checked as checkGraph does.
 * @throws NacreError invalid-graph, unsupported-operator, shape-mismatch, range-overflow, model-too-large
 */
export function layoutOf(graph: Graph, batch: number, mode: Mode, limits: Limits = DEFAULT_LIMITS): Layout {
  const tensors = checkGraph(graph, batch)
  if (mode === 0 && graph.parameters.length === 0)
    throw proofsError('invalid-graph', 'a graph without parameters has no root of weights: use mode 1')
  const { columns, lookups, tables } = committedVectors(graph, tensors)
  const d = pack([...columns, ...tables].map(({ size }) => size))
  const leaves = pack([...lookups, ...tables].map(({ size }) => size))
  const w = pack(graph.parameters.map(({ dims }) => paddedSizeOf(dims)))
  bound('leaves', leaves.total, LAYOUT_LIMITS.leaves)
  bound('committed values', d.total, LAYOUT_LIMITS.committed)
  bound('weights, padded', w.total, LAYOUT_LIMITS.weights)
  const layout: Layout = {
    batch,
    mode,
    tensors,
    columns: columns.map((column, i) => ({ ...column, ...d.items[i]! })),
    lookups: lookups.map((lookup, i) => ({ ...lookup, ...leaves.items[i]! })),
    tables: tables.map(({ id }, i) => ({
      id,
      ...leaves.items[lookups.length + i]!,
      multiplicities: d.items[columns.length + i]!,
    })),
    parameters: w.items,
    leaves: { total: leaves.total, nu: leaves.total > 0 ? Math.max(1, bits(leaves.total)) : 0 },
    ...(d.total > 0 ? { d: matrix('committed values', d.total) } : {}),
    ...(mode === 0 ? { w: matrix('weights', w.total) } : {}),
    proofSize: 0,
  }
  const { elements, operations } = messagesOf(graph, layout)
  bound('multiplications of the verifier', operations, limits.operations)
  layout.proofSize = HEADER + ELEMENT * elements + openingSize(layout.d, true) + openingSize(layout.w, false)
  return layout
}

/**
 * How unlikely it is that a false statement passes, -log2 of the sum of all errors (section 10), for SHA-256 as a
 * random oracle that is asked once.
 */
export function securityBits(graph: Graph, layout: Layout): number {
  const { error } = messagesOf(graph, layout)
  const openings = Number(layout.d !== undefined) + Number(layout.w !== undefined)
  return -Math.log2(error / P ** 4 + openings * (5 / 8) ** QUERIES)
}

type Vectors = {
  columns: { node: number; name: Layout['columns'][number]['name']; size: number }[]
  lookups: { node: number; table: number; part: AffineLookup['part']; size: number }[]
  tables: { id: TableId; size: number }[]
}

/** Columns and lookups of all nodes in order, and the tables in the order of their first use. */
function committedVectors(graph: Graph, tensors: TensorShape[]): Vectors {
  const vectors: Vectors = { columns: [], lookups: [], tables: [] }
  const numbers = new Map<string, number>()
  const numberOf = (id: TableId): number => {
    const key = tableKey(id)
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, vectors.tables.length)
    return vectors.tables.push({ id, size: tableSize(graph, id) }) - 1
  }
  for (const [node, operator] of graph.nodes.entries()) {
    if (!isCommitted(operator)) continue
    const [x, y] = [tensors[inputsOf(operator)[0]!]!, tensors[node + 1]!]
    const sizes = { x: x.size, y: y.size }
    const { columns, lookups } = committedOf(graph, operator, x.dims)
    for (const { name, over } of columns) vectors.columns.push({ node, name, size: sizes[over] })
    for (const { part, table, over } of lookups)
      vectors.lookups.push({ node, table: numberOf(table), part, size: sizes[over] })
  }
  return vectors
}

function matrix(what: string, total: number): MatrixShape {
  const shape = matrixOf(total)
  bound(`rows of ${what}`, shape.rows, LAYOUT_LIMITS.rows)
  return shape
}

/** Section 8: a root where the proof has it, the row, the 64 nodes, the columns and their paths. */
function openingSize(shape: MatrixShape | undefined, root: boolean): number {
  if (!shape) return 0
  const path = HASH * (codewordBits(shape) - CAP_BITS)
  const column = 4 * shape.rows
  return (root ? ROOT : 0) + ELEMENT * 2 ** shape.c + HASH * 2 ** CAP_BITS + QUERIES * (column + path)
}

function bound(what: string, actual: number, most: number): void {
  if (actual > most) throw proofsError('model-too-large', `${actual} ${what}: at most ${most}`)
}
