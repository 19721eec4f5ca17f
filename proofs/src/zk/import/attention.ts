import { bits } from '../graph/limits.ts'
import type { Builder } from './builder.ts'

/** Softmax and layer normalisation as integers: docs/zk-soundness.md, appendix A. */

/** Values of a table. */
const INT16 = 2 ** 15 - 1

/** Tables of sums: half of 2^12 entries, as sums are not negative. */
const SUM_BITS = 11

/** 1 as a probability, and as a power of e. */
const ONE = 255

/** A tensor and the real number that 1 of it stands for. */
type Scaled = { tensor: number; scale: number }

/** The values of a table of 2^(bits + 1) entries for arguments from 0 on; below 0 nothing is looked up. */
const fromZero = (argumentBits: number, value: (q: number) => number): number[] => {
  const half = 2 ** argumentBits
  return Array.from({ length: 2 * half }, (_, i) => Math.min(INT16, Math.round(value(Math.max(0, i - half)))))
}

/**
 * exp(x - max) and its sum's reciprocal, both of tables, multiplied; not yet brought back to eight bits.
 * @param x with at most 2^11 between its largest and its smallest value
 */
export function softmaxProduct(builder: Builder, x: Scaled): Scaled {
  const distance = builder.add(x.tensor, builder.max(x.tensor, 1), -1, 1)
  const reach = bits(builder.range(distance).hi + 1)
  const power = builder.table(fromZero(reach, d => ONE * Math.exp(-x.scale * d)))
  const powers = builder.lookup(distance, 1, 0, { table: power })
  const total = builder.sum(powers, 1)
  const shift = Math.max(0, bits(builder.range(total).hi + 1) - SUM_BITS)
  // The largest element's power is ONE, so no sum is smaller: there the reciprocal is 2^12, and the product's remainder one column.
  const unit = 2 ** 12 * ONE
  const reciprocal = builder.table(fromZero(SUM_BITS, q => unit / Math.max(ONE, q * 2 ** shift)))
  const reciprocals = builder.lookup(total, 1, shift, { table: reciprocal })
  return { tensor: builder.mul(powers, reciprocals), scale: 1 / unit }
}

/** d x - Σ x over the last dimension of d elements. */
export function centred(builder: Builder, x: Scaled): Scaled {
  const d = builder.dims(x.tensor).at(-1)!
  return { tensor: builder.add(x.tensor, builder.sum(x.tensor, 1), d, -1), scale: x.scale / d }
}

/**
 * x over the root of the mean of its squares, by a table; not yet brought back to eight bits.
 * @param x of eight bits, centred
 */
export function normalisedProduct(builder: Builder, x: Scaled): Scaled {
  const d = builder.dims(x.tensor).at(-1)!
  const squares = builder.sum(builder.mul(x.tensor, x.tensor), 1)
  const shift = Math.max(0, bits(builder.range(squares).hi + 1) - SUM_BITS)
  const deviation = (q: number): number => Math.sqrt((Math.max(q, 0.5) * 2 ** shift) / d)
  const unit = INT16 * deviation(0)
  const table = builder.table(fromZero(SUM_BITS, q => unit / deviation(q)))
  const factors = builder.lookup(squares, 1, shift, { table })
  return { tensor: builder.mul(x.tensor, factors), scale: 1 / unit }
}
