/** Polynomials at points: docs/zk-soundness.md section 1. A point's first coordinate is the most significant bit. */
import { bits } from '../graph/limits.ts'
import { add, type K, mul, ONE, sub, ZERO } from './field.ts'

/** 1 - a. */
export function complement(a: K): K {
  return sub(ONE, a)
}

/** eq of one coordinate each: r s + (1 - r)(1 - s) = 1 - r - s + 2 r s. */
export function eqOne(r: K, s: K): K {
  const rs = mul(r, s)
  return add(sub(sub(ONE, r), s), add(rs, rs))
}

/** The coordinates of index, a vertex of `count` bits. */
export function vertex(index: number, count: number): K[] {
  return Array.from({ length: count }, (_, i) => ((index >>> (count - 1 - i)) & 1 ? ONE : ZERO))
}

/** LT_n(r): the extension of [i < n]. */
export function lessThan(n: number, r: readonly K[]): K {
  if (n === 2 ** r.length) return ONE
  const half = 2 ** (r.length - 1)
  const [first = ZERO, ...rest] = r
  if (n <= half) return mul(complement(first), lessThan(n, rest))
  return add(complement(first), mul(first, lessThan(n - half, rest)))
}

/** A point's coordinates, a group a dimension. */
export function groups(dims: readonly number[], r: readonly K[]): K[][] {
  let at = 0
  return dims.map(n => {
    const from = at
    at += bits(n)
    return r.slice(from, at)
  })
}

/** Valid(r): the extension of what is 1 at true indices and 0 at padding. */
export function valid(dims: readonly number[], r: readonly K[]): K {
  const g = groups(dims, r)
  return dims.reduce((result, n, i) => mul(result, lessThan(n, g[i]!)), ONE)
}

/** Padded index of every true index, in row-major order. */
export function paddedIndices(dims: readonly number[]): Int32Array {
  let indices = new Int32Array(1)
  for (const n of dims) {
    const next = new Int32Array(indices.length * n)
    const shift = bits(n)
    for (let i = 0; i < indices.length; i++) {
      for (let j = 0; j < n; j++) next[i * n + j] = (indices[i]! << shift) | j
    }
    indices = next
  }
  return indices
}
