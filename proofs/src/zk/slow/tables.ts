import type { FunctionId, Graph, TableId } from '../graph/graph.ts'
import { bits } from './points.ts'

/** The tables of docs/zk-soundness.md, section 2.3, and the functions that they hold. */

export type Entry = readonly [number, number, number]

/** f of a lookup. */
export function functionOf(graph: Graph, id: FunctionId): (q: number) => number {
  const at = (q: number, low: number, high: number): number => Math.min(Math.max(q, low), high)
  if ('clamp' in id) return q => at(q, id.clamp[0], id.clamp[1])
  const values = graph.tables[id.table]!
  const half = values.length / 2
  return q => values[at(q, -half, half - 1) + half]!
}

/** The window [o, o + 2^v) outside of which f is constant on each side. */
export function windowOf(graph: Graph, id: FunctionId): { o: number; v: number } {
  if ('clamp' in id) return { o: id.clamp[0], v: Math.max(1, bits(id.clamp[1] - id.clamp[0] + 1)) }
  const values = graph.tables[id.table]!
  return { o: -values.length / 2, v: bits(values.length) }
}

/** The entries of a table; SAT's width follows from its function. */
export function entriesOf(graph: Graph, { kind, width, f }: TableId): Entry[] {
  const list = (size: number, entry: (i: number) => Entry): Entry[] =>
    Array.from({ length: size }, (_, i) => entry(i))
  if (kind === 'range') return list(2 ** width, i => [i, 0, 0])
  if (kind === 'nz') return list(2 ** width, i => [i, i === 0 ? 0 : 1, 0])
  if (kind === 'sign') return list(2 ** (width + 1), i => [i, Math.sign(i - 2 ** width), 0])
  const at = functionOf(graph, f!)
  if (kind === 'func') return list(2 ** width, i => [i, at(i - 2 ** (width - 1)) - at(0), 0])
  const { o, v } = windowOf(graph, f!)
  const side = 2 ** v
  return list(4 * side, index => {
    const i = Math.min(index, 3 * side - 1)
    const c = Math.floor(i / side)
    const e = i % side
    return [c, e, at(c === 0 ? o : c === 1 ? o + e : o + side - 1) - at(0)]
  })
}
