import type { Item, MatrixShape } from './graph.ts'
import { bits, CAP_BITS, QUERIES, RATE_BITS } from './limits.ts'

/** Offsets of vectors by descending size, equals in order, and their total (docs/zk-soundness.md, section 4). */
export function pack(sizes: readonly number[]): { items: Item[]; total: number } {
  const order = [...sizes.keys()].sort((i, j) => sizes[j]! - sizes[i]! || i - j)
  const items: Item[] = new Array(sizes.length)
  let total = 0
  for (const i of order) {
    items[i] = { size: sizes[i]!, offset: total }
    total += sizes[i]!
  }
  return { items, total }
}

/** The matrix of a packed vector of `total` > 0 elements: c from 6 to 13 that makes its opening smallest. */
export function matrixOf(total: number): MatrixShape {
  let best: { c: number; rows: number } = { c: 0, rows: 0 }
  let least = Infinity
  for (let c = CAP_BITS; c <= 13; c++) {
    const rows = Math.ceil(total / 2 ** c)
    const cost = 16 * 2 ** c + 4 * QUERIES * rows + 32 * QUERIES * (c + RATE_BITS - CAP_BITS)
    if (cost < least) {
      least = cost
      best = { c, rows }
    }
  }
  return { total, ...best, mu: bits(best.rows) + best.c }
}

/** log2 of the number of leaves of a matrix's tree: n = 4 · 2^c. */
export function codewordBits({ c }: MatrixShape): number {
  return c + RATE_BITS
}
