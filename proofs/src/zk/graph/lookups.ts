/**
 * Tables, columns and lookups of committed nodes, as data (docs/zk-soundness.md, sections 2.3 and 4). Prover and
 * verifier both read what is looked up from here; what a column holds is columns.ts.
 */
import { functionOf } from './functions.ts'
import type { ColumnName, Graph, LookupName, Node, NodeOf, TableId } from './graph.ts'
import { bits, MAX_TABLE_BITS, sizeOf } from './limits.ts'

/**
 * What an affine expression is made of: the node's input, its columns, `sum` = Σz over the reduced dimensions, and
 * `ramp` = 2^κ - 1 - k at the true indices (.., k) of an argmax's input.
 */
export type ValueName = 'x' | ColumnName | 'sum' | 'ramp'

/** factor · value; masked: only at the true indices of the reduced dimensions. */
export type Term = { value: ValueName; factor: number; masked?: true }

/** (Σ terms + constant) / 2^shift, the division being in F; |factor| and |constant| are below p. */
export type Affine = { terms: Term[]; constant: number; shift: number }

/** At each padded index of x or of y the triple is an entry of the table; parts that are missing are 0. */
export type AffineLookup = { part: LookupName; table: TableId; over: 'x' | 'y'; triple: Affine[] }

/** A column at each padded index of x or of y. */
export type ColumnShape = { name: ColumnName; over: 'x' | 'y' }

/** Section 4's row of a node. */
export type Committed = { columns: ColumnShape[]; lookups: AffineLookup[] }

/** A table's entries: each part by index, all of them of 2^bits elements; parts that are missing are 0. */
export type TableEntries = { size: number; parts: Int32Array[] }

/** The nodes whose results are committed; all others are virtual. */
export type CommittedNode = NodeOf<'lookup' | 'max' | 'argmax'>

export function isCommitted(node: Node): node is CommittedNode {
  return node.op === 'lookup' || node.op === 'max' || node.op === 'argmax'
}

/** Columns and lookups of a committed node, in section 4's order; xDims are its input's dimensions, batch or not. */
export function committedOf(graph: Pick<Graph, 'tables'>, node: CommittedNode, xDims: number[]): Committed {
  if (node.op === 'max') return ofMax(node, sizeOf(xDims.slice(xDims.length - node.count)))
  if (node.op === 'argmax') return ofArgmax(node, xDims.at(-1)!)
  return ofLookup(graph, node)
}

/** s0 and s1 of section 4: the remainder's bits in two parts, as a table has at most 2^12 entries. */
export function remainderBits(shift: number): [s0: number, s1: number] {
  const s0 = Math.min(shift, MAX_TABLE_BITS)
  return [s0, shift - s0]
}

function ofLookup(graph: Pick<Graph, 'tables'>, node: NodeOf<'lookup'>): Committed {
  const { shift: s, width: w, f } = node
  const [s0, s1] = remainderBits(s)
  const columns: ColumnName[] = []
  const lookups: AffineLookup[] = []
  // m x + h - r0 - 2^s0 r1, which is 2^s q.
  const scaled = [term('x', node.multiplier)]
  const half = s === 0 ? 0 : 2 ** (s - 1)
  if (s0 > 0) {
    columns.push('r0')
    scaled.push(term('r0', -1))
    lookups.push(look('range0', { kind: 'range', width: s0 }, 'x', plain('r0')))
  }
  if (s1 > 0) {
    columns.push('r1')
    scaled.push(term('r1', -(2 ** s0)))
    lookups.push(look('range1', { kind: 'range', width: s1 }, 'x', plain('r1')))
  }
  if (node.wide) {
    const { offset: o, bits: v } = functionOf(graph, f)
    const quotient = [...scaled, term('e', -(2 ** s))]
    const u = { terms: quotient, constant: half - 2 ** s * o + 2 ** (s + v + w), shift: s + v }
    columns.push('e', 'c')
    lookups.push(look('sign', { kind: 'sign', width: w }, 'x', u, plain('c')))
    lookups.push(look('sat', { kind: 'sat', width: 0, f }, 'x', plain('c', 1), plain('e'), plain('y0')))
  } else {
    const q = { terms: scaled, constant: half + 2 ** (s + w - 1), shift: s }
    lookups.push(look('func', { kind: 'func', width: w, f }, 'x', q, plain('y0')))
  }
  columns.push('y0')
  return { columns: columns.map(name => ({ name, over: 'x' })), lookups }
}

function ofMax({ width }: NodeOf<'max'>, elements: number): Committed {
  const distance = { terms: [masked('M'), term('x', -1)], constant: 0, shift: 0 }
  return {
    columns: [
      { name: 'M', over: 'y' },
      { name: 'z', over: 'x' },
    ],
    lookups: [look('nz', { kind: 'nz', width }, 'x', distance, plain('z')), attained(elements)],
  }
}

function ofArgmax({ width, window }: NodeOf<'argmax'>, elements: number): Committed {
  const kappa = bits(elements)
  const distance = {
    terms: [masked('M'), term('x', -(2 ** kappa)), term('ramp', -1)],
    constant: 0,
    shift: 0,
  }
  const maximum = {
    terms: [term('M', 1), term('J', -1)],
    constant: 2 ** (kappa + window - 1),
    shift: kappa,
  }
  return {
    columns: [
      { name: 'M', over: 'y' },
      { name: 'J', over: 'y' },
      { name: 'z', over: 'x' },
    ],
    lookups: [
      look('nz', { kind: 'nz', width }, 'x', distance, plain('z')),
      attained(elements),
      look('index', { kind: 'range', width: kappa }, 'y', plain('J')),
      look('window', { kind: 'range', width: window }, 'y', maximum),
    ],
  }
}

/** n - 1 - Σz is no entry if all z are 1: the maximum is one of the elements. */
function attained(elements: number): AffineLookup {
  const missed = { terms: [term('sum', -1)], constant: elements - 1, shift: 0 }
  return look('attained', { kind: 'range', width: bits(elements) }, 'y', missed)
}

/** The number of a table's entries, a power of two. */
export function tableSize(graph: Pick<Graph, 'tables'>, { kind, width, f }: TableId): number {
  if (kind === 'sign') return 2 ** (width + 1)
  if (kind === 'sat') return 2 ** (functionOf(graph, f!).bits + 2)
  return 2 ** width
}

/** The same for equal tables, and only for those. */
export function tableKey({ kind, width, f }: TableId): string {
  return [kind, width, ...(f === undefined ? [] : 'table' in f ? [f.table] : f.clamp)].join(' ')
}

/** Section 2.3: all entries of a table. */
export function tableEntries(graph: Pick<Graph, 'tables'>, id: TableId): TableEntries {
  const size = tableSize(graph, id)
  const part = (entry: (i: number) => number): Int32Array =>
    Int32Array.from({ length: size }, (_, i) => entry(i))
  const index = part(i => i)
  if (id.kind === 'range') return { size, parts: [index] }
  if (id.kind === 'nz') return { size, parts: [index, part(i => (i === 0 ? 0 : 1))] }
  if (id.kind === 'sign') return { size, parts: [index, part(i => Math.sign(i - size / 2))] }
  const { at, atZero, offset, bits: v } = functionOf(graph, id.f!)
  if (id.kind === 'func') return { size, parts: [index, part(i => at(i - size / 2) - atZero)] }
  // Three windows side by side, for q below, in and above [o, o + 2^v); the last quarter repeats the last entry.
  const window = 2 ** v
  const place = (i: number): [c: number, e: number] => {
    const within = Math.min(i, 3 * window - 1)
    return [Math.floor(within / window), within % window]
  }
  const value = (i: number): number => {
    const [c, e] = place(i)
    return at(offset + (c === 0 ? 0 : c === 1 ? e : window - 1)) - atZero
  }
  return { size, parts: [part(i => place(i)[0]), part(i => place(i)[1]), part(value)] }
}

const term = (value: ValueName, factor: number): Term => ({ value, factor })
const masked = (value: ValueName): Term => ({ value, factor: 1, masked: true })
const plain = (value: ValueName, constant = 0): Affine => ({ terms: [term(value, 1)], constant, shift: 0 })
const look = (part: LookupName, table: TableId, over: 'x' | 'y', ...triple: Affine[]): AffineLookup => ({
  part,
  table,
  over,
  triple,
})
