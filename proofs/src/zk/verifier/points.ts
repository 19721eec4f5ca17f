/**
 * Multilinear extensions and the polynomials that the protocol evaluates (docs/zk-soundness.md, section 1): most significant
 * coordinate first, everywhere.
 */
import { bits } from '../graph/limits.ts'
import { add, HALF, type K, mul, mulF, ONE, sub, toF, ZERO } from './field.ts'

/** ∏ (r_i s_i + (1 - r_i)(1 - s_i)). */
export function eq(r: readonly K[], s: readonly K[]): K {
  return r.reduce((product, x, i) => {
    const y = s[i]!
    const xy = mul(x, y)
    return mul(product, add(sub(ONE, add(x, y)), add(xy, xy)))
  }, ONE)
}

/** eq(r, index) for an index of r.length bits. */
export function eqAt(r: readonly K[], index: number): K {
  return r.reduce((product, x, i) => {
    const digit = Math.floor(index / 2 ** (r.length - 1 - i)) % 2
    return mul(product, digit === 1 ? x : sub(ONE, x))
  }, ONE)
}

/** eq(r, i) for the first `count` of the 2^r.length indices. */
export function eqTable(r: readonly K[], count: number = 2 ** r.length): K[] {
  let table: K[] = [ONE]
  r.forEach((x, i) => {
    const needed = Math.ceil(count / 2 ** (r.length - 1 - i))
    const next: K[] = []
    for (const entry of table) {
      const high = mul(entry, x)
      next.push(sub(entry, high))
      if (next.length < needed) next.push(high)
    }
    table = next
  })
  return table
}

/** LT_n, the extension of [i < n] on r.length bits. */
export function lessThan(n: number, r: readonly K[]): K {
  if (n === 2 ** r.length) return ONE
  const [first, ...rest] = r as [K, ...K[]]
  const half = 2 ** rest.length
  const low = sub(ONE, first)
  return n <= half ? mul(low, lessThan(n, rest)) : add(low, mul(first, lessThan(n - half, rest)))
}

/** A point's coordinates, a group for each dimension. */
export function groupsOf(dims: readonly number[], r: readonly K[]): K[][] {
  let start = 0
  return dims.map(dim => {
    start += bits(dim)
    return r.slice(start - bits(dim), start)
  })
}

/** The middle of a cube, where an extension is the mean of its values on the cube: their sum is 2^length times that. */
export function middle(length: number): K[] {
  return Array.from({ length }, () => [HALF, 0, 0, 0])
}

/** Valid: 1 at the true indices, 0 at padding. */
export function valid(dims: readonly number[], r: readonly K[]): K {
  return groupsOf(dims, r).reduce((product, group, i) => mul(product, lessThan(dims[i]!, group)), ONE)
}

/**
 * eq(r, padded index) of the true elements of a tensor, in row-major order, as products: element i has
 * outer[⌊i / inner.length⌋] · inner[i mod inner.length].
 */
export type ElementWeights = { outer: K[]; inner: K[] }

export function elementWeights(dims: readonly number[], r: readonly K[]): ElementWeights {
  const groups = groupsOf(dims, r)
  const split = balancedSplit(dims)
  const table = (from: number, to: number): K[] =>
    groups
      .slice(from, to)
      .reduce<K[]>((entries, group, i) => tensorProduct(entries, eqTable(group, dims[from + i]!)), [ONE])
  return { outer: table(0, split), inner: table(split, dims.length) }
}

/** The number of leading dimensions that makes the two tables smallest together. */
function balancedSplit(dims: readonly number[]): number {
  const count = (part: readonly number[]): number => part.reduce((product, dim) => product * dim, 1)
  const entries = (split: number): number => count(dims.slice(0, split)) + count(dims.slice(split))
  return dims.reduce((best, _, split) => (entries(split) < entries(best) ? split : best), 0)
}

function tensorProduct(a: readonly K[], b: readonly K[]): K[] {
  return a.flatMap(x => b.map(y => mul(x, y)))
}

/** The extension at r of integers that are given row-major without padding; it is zero at padding. */
export function extension(values: Int32Array, dims: readonly number[], r: readonly K[]): K {
  const { outer, inner } = elementWeights(dims, r)
  return outer.reduce((sum, weight, i) => {
    const row = values.subarray(i * inner.length, (i + 1) * inner.length)
    return add(sum, mul(weight, weighted(row, inner)))
  }, ZERO)
}

/** Σ values[i] weights[i], values being integers below p in absolute value, at most 2^21 of them. */
export function weighted(values: Int32Array | Uint32Array, weights: readonly K[]): K {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    const magnitude = Math.abs(value)
    const sign = value < 0 ? -1 : 1
    const weight = weights[i]!
    s0 += sign * mulF(magnitude, weight[0])
    s1 += sign * mulF(magnitude, weight[1])
    s2 += sign * mulF(magnitude, weight[2])
    s3 += sign * mulF(magnitude, weight[3])
  }
  return [toF(s0), toF(s1), toF(s2), toF(s3)]
}

/** One side of a convolution or unfolding: how far outputs, kernel and inputs reach, and how they meet. */
export type Window = { outputs: number; kernel: number; inputs: number; stride: number; pad: number }

/** G = Σ eq(out, o) eq(kernel, k) eq(input, o·stride + k - pad) over all o and k whose input exists. */
export function windowSum(window: Window, out: readonly K[], kernel: readonly K[], input: readonly K[]): K {
  const outputs = eqTable(out, window.outputs)
  const taps = eqTable(kernel, window.kernel)
  const inputs = eqTable(input, window.inputs)
  return outputs.reduce((sum, weight, o) => {
    const first = o * window.stride - window.pad
    const seen = taps.reduce((part, tap, k) => {
      const position = inputs[first + k]
      return position ? add(part, mul(tap, position)) : part
    }, ZERO)
    return add(sum, mul(weight, seen))
  }, ZERO)
}

/** N = Σ_j eq(s, padded index of element j of dims `to`) eq(i, the same of dims `from`): what a reshape moves where. */
export function reshapeSum(
  from: readonly number[],
  i: readonly K[],
  to: readonly number[],
  s: readonly K[],
): K {
  const [x, y] = [elementWeights(from, i), elementWeights(to, s)]
  const count = x.outer.length * x.inner.length
  let sum = ZERO
  for (let start = 0, end = 0; start < count; start = end) {
    // As far as neither of the outer weights changes.
    end = Math.min(nextMultiple(x.inner.length, start), nextMultiple(y.inner.length, start))
    let part = ZERO
    for (let j = start; j < end; j++) {
      part = add(part, mul(x.inner[j % x.inner.length]!, y.inner[j % y.inner.length]!))
    }
    const outer = mul(
      x.outer[Math.floor(start / x.inner.length)]!,
      y.outer[Math.floor(start / y.inner.length)]!,
    )
    sum = add(sum, mul(outer, part))
  }
  return sum
}

function nextMultiple(of: number, after: number): number {
  return (Math.floor(after / of) + 1) * of
}
