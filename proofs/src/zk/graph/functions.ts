import type { FunctionId, Graph, Range } from './graph.ts'
import { bits } from './limits.ts'

/** f of a lookup (docs/zk-soundness.md, section 2.2), and its window [offset, offset + 2^bits) (section 2.3). */
export type IntegerFunction = {
  /** f(q) for any whole q. */
  at: (q: number) => number
  /** f(0): subtracted in every table and column, so that padding stays zero. */
  atZero: number
  range: Range
  /** o of section 2.3. */
  offset: number
  /** v of section 2.3. */
  bits: number
}

/** The function that a lookup names; it must exist (checkGraph). */
export function functionOf({ tables }: Pick<Graph, 'tables'>, id: FunctionId): IntegerFunction {
  if ('table' in id) return tableFunction(tables[id.table]!)
  const [a, b] = id.clamp
  const at = (q: number): number => Math.min(Math.max(q, a), b)
  return { at, atZero: at(0), range: { lo: a, hi: b }, offset: a, bits: Math.max(1, bits(b - a + 1)) }
}

function tableFunction(values: Int16Array): IntegerFunction {
  const half = values.length / 2
  const at = (q: number): number => values[Math.min(Math.max(q + half, 0), values.length - 1)]!
  const range = { lo: Math.min(...values), hi: Math.max(...values) }
  return { at, atZero: at(0), range, offset: -half, bits: bits(values.length) }
}
