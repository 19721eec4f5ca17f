/**
 * What honest columns hold and how often each entry is looked up (docs/zk-soundness.md, section 4), in plain loops: the
 * definition that a prover's witness is compared with.
 */
import { proofsError } from '../../errors.ts'
import { functionOf } from './functions.ts'
import type { ColumnName, Graph, Layout, NodeOf, TensorShape } from './graph.ts'
import { sizeOf } from './limits.ts'
import {
  type Affine,
  type AffineLookup,
  type CommittedNode,
  committedOf,
  isCommitted,
  remainderBits,
  tableEntries,
} from './lookups.ts'

/** Columns in the layout's order; multiplicities in the order of its tables. */
export type Witness = { columns: Int32Array[]; multiplicities: Int32Array[] }

/** Values in padded form, 0 at every index outside of the true dimensions (the batch is among them). */
export function padded(values: Int32Array, { dims, bits, size }: TensorShape): Int32Array {
  const out = new Int32Array(size)
  for (let i = 0; i < values.length; i++) out[paddedIndex(i, dims, bits)] = values[i]!
  return out
}

/**
 * The columns of tensors as `run` makes them, and the multiplicities.
 * @throws NacreError range-overflow where a lookup finds no entry, which no valid graph comes to
 */
export function witnessOf(graph: Graph, layout: Layout, tensors: readonly Int32Array[]): Witness {
  const columns: Int32Array[] = []
  const multiplicities = layout.tables.map(({ size }) => new Int32Array(size))
  const entries = layout.tables.map(({ id }) => firstOccurrences(tableEntries(graph, id).parts))
  let lookup = 0
  for (const [j, node] of graph.nodes.entries()) {
    if (!isCommitted(node)) continue
    const [shape, result] = [layout.tensors[node.x]!, layout.tensors[j + 1]!]
    const x = padded(tensors[node.x]!, shape)
    const values: Values = { x, ...columnsOf(graph, node, x, shape, result) }
    const { columns: shapes, lookups } = committedOf(graph, node, shape.dims)
    for (const { name } of shapes) columns.push(values[name]!)
    for (const { part, over, triple } of lookups) {
      const table = layout.lookups[lookup++]!.table
      const size = (over === 'x' ? shape : result).size
      const at = triple.map(affine => evaluate(affine, over, node, values, [shape, result]))
      for (let i = 0; i < size; i++) {
        const entry = entries[table]!.get(at.map(value => value(i)).join())
        if (entry === undefined) throw proofsError('range-overflow', `node ${j}, ${part}: no entry at ${i}`)
        multiplicities[table]![entry]! += 1
      }
    }
  }
  return { columns, multiplicities }
}

type Values = { x: Int32Array } & Partial<Record<ColumnName, Int32Array>>

function columnsOf(
  graph: Graph,
  node: CommittedNode,
  x: Int32Array,
  shape: TensorShape,
  result: TensorShape,
): Partial<Record<ColumnName, Int32Array>> {
  return node.op === 'lookup' ? lookupColumns(graph, node, x) : maximumColumns(node, x, shape, result)
}

function lookupColumns(
  graph: Graph,
  node: NodeOf<'lookup'>,
  x: Int32Array,
): Partial<Record<ColumnName, Int32Array>> {
  const { multiplier, shift, f } = node
  const { at, atZero, offset, bits: v } = functionOf(graph, f)
  const [s0] = remainderBits(shift)
  const half = shift === 0 ? 0 : 2 ** (shift - 1)
  const numerator = (i: number): number => multiplier * x[i]! + half
  const q = (i: number): number => Math.floor(numerator(i) / 2 ** shift)
  const r = (i: number): number => numerator(i) - 2 ** shift * q(i)
  const u = (i: number): number => Math.floor((q(i) - offset) / 2 ** v)
  const column = (value: (i: number) => number): Int32Array => x.map((_, i) => value(i))
  return {
    r0: column(i => r(i) % 2 ** s0),
    r1: column(i => Math.floor(r(i) / 2 ** s0)),
    e: column(i => q(i) - offset - 2 ** v * u(i)),
    c: column(i => Math.sign(u(i))),
    y0: column(i => at(q(i)) - atZero),
  }
}

/** For max and argmax: the maximum M of `scaled`, which is x, or 2^κ x + ramp. */
function maximumColumns(
  node: NodeOf<'max' | 'argmax'>,
  x: Int32Array,
  shape: TensorShape,
  result: TensorShape,
): Partial<Record<ColumnName, Int32Array>> {
  const reduced = reduction(shape, result)
  const ramp = rampOf(shape)
  const factor = node.op === 'max' ? 1 : reduced.size
  const scaled = x.map((value, i) => factor * value + (node.op === 'max' ? 0 : ramp(i)))
  const M = new Int32Array(result.size).fill(-0x80000000)
  for (const [i, value] of scaled.entries())
    if (reduced.mask(i)) M[reduced.row(i)] = Math.max(M[reduced.row(i)]!, value)
  const z = scaled.map((value, i) => Number((reduced.mask(i) ? M[reduced.row(i)]! : 0) !== value))
  return { M, z, J: M.map(value => value & (reduced.size - 1)) }
}

/** An affine expression by index; the division is exact for honest values. */
function evaluate(
  { terms, constant, shift }: Affine,
  over: AffineLookup['over'],
  node: CommittedNode,
  values: Values,
  [shape, result]: [TensorShape, TensorShape],
): (i: number) => number {
  const reduced = node.op === 'lookup' ? undefined : reduction(shape, result)
  const ramp = rampOf(shape)
  const value = (name: Affine['terms'][number]['value'], i: number): number => {
    if (name === 'ramp') return ramp(i)
    if (name === 'sum') return sumOfRow(values.z!, i, reduced!.size)
    const column = values[name]!
    return column[column.length === result.size && over === 'x' && reduced ? reduced.row(i) : i]!
  }
  return i => {
    let sum = constant
    for (const { value: name, factor, masked } of terms)
      if (!masked || reduced!.mask(i)) sum += factor * value(name, i)
    return sum / 2 ** shift
  }
}

/** The reduced dimensions of a maximum: their padded size, a position's row, and whether it is a true one in it. */
function reduction(
  { dims, bits }: TensorShape,
  { dims: kept }: TensorShape,
): { size: number; row: (i: number) => number; mask: (i: number) => boolean } {
  const [reducedDims, reducedBits] = [dims.slice(kept.length), bits.slice(kept.length)]
  const size = 2 ** reducedBits.reduce((total, count) => total + count, 0)
  const trues = new Set<number>()
  for (let i = 0; i < sizeOf(reducedDims); i++) trues.add(paddedIndex(i, reducedDims, reducedBits))
  return { size, row: i => Math.floor(i / size), mask: i => trues.has(i % size) }
}

/** 2^κ - 1 - k at the true indices (.., k), else 0. */
function rampOf({ dims, bits }: TensorShape): (i: number) => number {
  const size = 2 ** bits.at(-1)!
  return i => (isTrue(i, dims, bits) ? size - 1 - (i % size) : 0)
}

function sumOfRow(z: Int32Array, row: number, size: number): number {
  return z.subarray(row * size, (row + 1) * size).reduce((total, value) => total + value, 0)
}

/** Each entry by its parts; an equal entry's first occurrence takes all. */
function firstOccurrences(parts: Int32Array[]): Map<string, number> {
  const entries = new Map<string, number>()
  for (let i = parts[0]!.length - 1; i >= 0; i--) entries.set(parts.map(part => part[i]).join(), i)
  return entries
}

function paddedIndex(position: number, dims: readonly number[], bits: readonly number[]): number {
  let [index, rest, weight] = [0, position, 1]
  for (let i = dims.length - 1; i >= 0; i--) {
    index += (rest % dims[i]!) * weight
    rest = Math.floor(rest / dims[i]!)
    weight *= 2 ** bits[i]!
  }
  return index
}

function isTrue(index: number, dims: readonly number[], bits: readonly number[]): boolean {
  let rest = index
  for (let i = dims.length - 1; i >= 0; i--) {
    if (rest % 2 ** bits[i]! >= dims[i]!) return false
    rest = Math.floor(rest / 2 ** bits[i]!)
  }
  return true
}
