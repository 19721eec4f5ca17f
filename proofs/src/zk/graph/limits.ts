/** Numbers of the protocol that are no graph's choice (docs/zk-soundness.md, sections 1, 2.1, 2.4, 4 and 5). */

/** The modulus, 2^31 - 2^27 + 1. */
export const P = 2013265921

/** Every declared range and every parameter is within this of 0 (section 2.4). */
export const MAX_VALUE: number = 0x2000_0000

/** Section 2.1's limits. Bits are those of padded sizes, the batch included. */
export const LIMITS = {
  graphBytes: 0x4_0000,
  nodes: 1024,
  parameters: 256,
  tables: 16,
  outputs: 8,
  rank: 5,
  dimension: 0x1_0000,
  batch: 0x1000,
  tensorBits: 22,
  unfoldedBits: 24,
} as const

/** Section 4's limits: L and L_D, L_W, R. */
export const LAYOUT_LIMITS = {
  leaves: 0x40_0000,
  committed: 0x40_0000,
  weights: 0x100_0000,
  rows: 0x800,
} as const

/** A table has at most 2^12 entries, RANGE's remainders among them. */
export const MAX_TABLE_BITS = 12

/** t, the positions that each opening asks for. */
export const QUERIES = 152

/** Paths end at this level of a tree, whose nodes are sent once. */
export const CAP_BITS = 6

/** log2 of the code's blow-up: a row of 2^c elements becomes a codeword of 4 · 2^c. */
export const RATE_BITS = 2

/** ⌈log2 n⌉; bits(1) = 0. n from 1 to 2^53. */
export function bits(n: number): number {
  let count = 0
  while (2 ** count < n) count++
  return count
}

/** The number of elements of these dimensions. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** The same with each dimension padded to its power of two. */
export function paddedSizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * 2 ** bits(dim), 1)
}
