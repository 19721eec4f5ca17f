import type { FunctionId, Graph, Range } from './graph.ts'
import { bits } from './limits.ts'

/** f of a lookup (docs/zk-soundness.md, section 2.2), and its window [offset, offset + 2^bits) (section 2.3). */
export type IntegerFunction = {
  /** f(q) for any whole q. */
  at: (q: number) => number
  /** f(0): subtracted in every table and column, so that padding stays zero. */
  atZero: number
  readonly range: Range
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
  return {
    at,
    atZero: at(0),
    // Found when it is asked for: a graph may name a large table in each of a thousand nodes.
    get range() {
      let [lo, hi] = [values[0]!, values[0]!]
      for (let i = 1; i < values.length; i++) {
        lo = Math.min(lo, values[i]!)
        hi = Math.max(hi, values[i]!)
      }
      return { lo, hi }
    },
    offset: -half,
    bits: bits(values.length),
  }
}
