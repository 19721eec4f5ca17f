import type { FunctionId, Range } from '../graph/graph.ts'

/** Interval arithmetic of docs/zk-soundness.md, section 2.4: what a builder declares, and the widths that follow. */

/** The range that holds both and zero, as every declared range does. */
export const withZero = ({ lo, hi }: Range): Range => ({ lo: Math.min(0, lo), hi: Math.max(0, hi) })

export const scaled = ({ lo, hi }: Range, by: number): Range =>
  by < 0 ? { lo: hi * by, hi: lo * by } : { lo: lo * by, hi: hi * by }

export const added = (a: Range, b: Range): Range => ({ lo: a.lo + b.lo, hi: a.hi + b.hi })

export function multiplied(a: Range, b: Range): Range {
  const corners = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]
  return { lo: Math.min(...corners), hi: Math.max(...corners) }
}

/**
 * Worst case of a layer with weights [outputs, ...]: over all outputs, Σ min and Σ max of the products.
 * @param range of every input; with it zero, so that pads change nothing
 */
export function weightedRange(
  weights: Int32Array,
  outputs: number,
  bias: Int32Array | undefined,
  range: Range,
): Range {
  const perOutput = weights.length / outputs
  let result: Range = { lo: 0, hi: 0 }
  for (let n = 0; n < outputs; n++) {
    let lo = bias?.[n] ?? 0
    let hi = lo
    for (let i = n * perOutput; i < (n + 1) * perOutput; i++) {
      const product = scaled(range, weights[i]!)
      lo += product.lo
      hi += product.hi
    }
    result = { lo: Math.min(result.lo, lo), hi: Math.max(result.hi, hi) }
  }
  return result
}

/** ⌈log2 n⌉. */
export function bits(n: number): number {
  let result = 0
  while (2 ** result < n) result++
  return result
}

/** Range of q = ⌊(m x + h) / 2^s⌋. */
export function quotientRange({ lo, hi }: Range, multiplier: number, shift: number): Range {
  const q = (x: number): number =>
    Math.floor((multiplier * x + (shift === 0 ? 0 : 2 ** (shift - 1))) / 2 ** shift)
  return { lo: q(lo), hi: q(hi) }
}

/** The narrow lookup's w for quotients in this range. */
export function narrowWidth({ lo, hi }: Range): number {
  let width = 1
  while (lo < -(2 ** (width - 1)) || hi >= 2 ** (width - 1)) width++
  return width
}

/** The wide lookup's w: u = ⌊(q - o) / 2^v⌋ lies in [-2^w, 2^w). */
export function wideWidth({ lo, hi }: Range, { o, v }: { o: number; v: number }): number {
  const u = (q: number): number => Math.floor((q - o) / 2 ** v)
  let width = 0
  while (u(lo) < -(2 ** width) || u(hi) >= 2 ** width) width++
  return width
}

/** SAT's window [o, o + 2^v). */
export function windowOf(f: FunctionId, tables: readonly Int16Array[]): { o: number; v: number } {
  if ('clamp' in f) return { o: f.clamp[0], v: Math.max(1, bits(f.clamp[1] - f.clamp[0] + 1)) }
  const size = tables[f.table]!.length
  return { o: -size / 2, v: bits(size) }
}
