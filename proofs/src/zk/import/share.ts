import { functionOf } from '../graph/functions.ts'
import type { Graph } from '../graph/graph.ts'
import { MAX_VALUE, P } from '../graph/limits.ts'
import { rangeOf } from '../graph/ranges.ts'

/** Bits of a remainder that one column holds (docs/zk-soundness.md, section 4). */
const REMAINDER_BITS = 12
const MAX_MULTIPLIER = 2 ** 15 - 1

/**
 * Writes lookups with twice the multiplier and a shift of one more, which is the same function, until the remainders of all of them
 * are in one table.
 */
export function shareRemainders(graph: Graph): void {
  const lookups = graph.nodes.filter(node => node.op === 'lookup').filter(({ shift }) => shift > 0)
  const widest = Math.max(0, ...lookups.map(({ shift }) => Math.min(shift, REMAINDER_BITS)))
  for (const node of lookups) {
    const shift = Math.max(node.shift, widest)
    const multiplier = node.multiplier * 2 ** (shift - node.shift)
    const { lo, hi } = rangeOf(graph, node.x)
    const { offset: o, bits: v } = functionOf(graph, node.f)
    const product = multiplier * Math.max(hi, -lo) + 2 ** (shift - 1)
    const isUnique = node.wide
      ? 2 ** shift * (2 ** (node.width + v) + Math.abs(o)) + MAX_VALUE < P
      : shift + node.width <= 31
    if (multiplier <= MAX_MULTIPLIER && product <= MAX_VALUE && isUnique)
      Object.assign(node, { multiplier, shift })
  }
}
