import type { Graph, Range } from '../graph/graph.ts'
import type { Statistics } from './calibrate.ts'
import { elements, type FloatTensor, type Network } from './network.ts'

/** Weights of layers between lookups have eight bits. */
const WEIGHT_LIMIT = 127

/** A sum is multiplied by m before it is shifted (docs/zk-soundness.md, section 2.4). */
const MAX_PRODUCT = 2 ** 29
const MAX_SHIFT = 24
const MAX_MULTIPLIER = 2 ** 15 - 1

/** Multipliers that are tried for a layer: the shift stays small, and so do the remainders that are committed. */
const LAYER_MULTIPLIERS = [1, 3, 5, 7, 9, 11, 13, 15]

/** How much coarser than necessary weights, and a lookup's argument, may become; more where it saves the wide lookup. */
const COARSER = { weights: 16 / 15, wide: 1.2, narrow: 1.75 }

/** Arguments below this, worst case, are in one table; a little less, as weights are rounded. */
const NARROW_SIDE = 2 ** 11 - 16

/** A regression's sums may fill what section 2.4 allows, with room for its bias. */
const REGRESSION = { sum: 2 ** 28, weight: 2 ** 20 }

const INPUT_LIMIT = 2 ** 12 - 1

/** The integers that raw inputs become: value = integer · scale. */
export function inputScale(
  { input }: Network,
  { decimals, largest, smallest, percentile }: Statistics,
): Range & { scale: number } {
  if (input.type === 'uint8') return { lo: 0, hi: 255, scale: 1 }
  if (input.type === 'int8') return { lo: -128, hi: 127, scale: 1 }
  const decimal = 10 ** -decimals
  const magnitude = Math.max(largest, -smallest)
  const exact = Math.round(magnitude / decimal) <= INPUT_LIMIT
  const scale = exact ? decimal : (percentile || 1) / 127
  // A quarter more than was seen: rarer inputs are answered, and worst cases stay small.
  const hi = Math.ceil(1.25 * (magnitude / scale))
  return { lo: smallest < 0 ? -hi : 0, hi, scale }
}

/** A sample in the input's integers; what is outside of its range is clamped. */
export function quantiseInput({ input }: Graph, scale: number, sample: ArrayLike<number>): Int32Array {
  return Int32Array.from(sample, value => Math.min(Math.max(Math.round(value / scale), input.lo), input.hi))
}

/** m and s with m / 2^s near a ratio of scales: the smallest s that is near enough. */
export function nearestShift(ratio: number, largest: number): { multiplier: number; shift: number } {
  let best = { multiplier: 1, shift: 0 }
  let bestError = Number.POSITIVE_INFINITY
  for (let shift = 0; shift <= MAX_SHIFT; shift++) {
    const multiplier = Math.round(ratio * 2 ** shift)
    if (multiplier < 1) continue
    if (multiplier > MAX_MULTIPLIER || multiplier * largest + 2 ** shift > MAX_PRODUCT) break
    const error = Math.abs(multiplier / 2 ** shift / ratio - 1)
    if (error < bestError) [best, bestError] = [{ multiplier, shift }, error]
    if (error < 2 ** -10) break
  }
  return best
}

type Layer = { weight: FloatTensor; bias?: Float64Array | undefined; x: Range & { scale: number } }

/** What a lookup wants of the layer before it: a unit of its argument, as fine as this; `narrow` where one table may hold all. */
export type Wanted = { unit: number; narrow: boolean }

/**
 * What 1 of a layer's weights, and 1 of the argument of the lookup behind it, stand for. Both may become a little coarser, so that
 * m / 2^s between them is exact with a small m: remainders of few bits are committed, and nothing is lost to a power of two.
 * @param wanted absent where the sums are the network's outputs
 */
export function planLayer(layer: Layer, wanted?: Wanted): { scale: number; unit?: number } {
  const { weight, x } = layer
  const finest = largestOf(weight) / WEIGHT_LIMIT
  if (!wanted) return { scale: finest }
  const worst = worstSum(layer)
  const narrow = (worst * x.scale) / NARROW_SIDE
  const fits = wanted.narrow && narrow <= wanted.unit * COARSER.narrow
  const least = fits ? Math.max(wanted.unit, narrow) : wanted.unit
  const most = wanted.unit * (fits ? COARSER.narrow : COARSER.wide)
  for (const multiplier of LAYER_MULTIPLIERS)
    for (let shift = 0; shift <= MAX_SHIFT; shift++) {
      const first = (x.scale * finest * 2 ** shift) / multiplier
      const unit = Math.max(least, first)
      const scale = (unit * multiplier) / (x.scale * 2 ** shift)
      const held = (multiplier * worst) / scale + 2 ** shift < MAX_PRODUCT / 1.05
      if (unit <= most && unit <= first * COARSER.weights && held) return { scale, unit }
    }
  return { scale: finest }
}

const largestOf = ({ values }: FloatTensor): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1

/** For a network of one layer, whose sums are its outputs: as fine as they can be. */
export function regressionScale(layer: Layer): number {
  return Math.max(largestOf(layer.weight) / REGRESSION.weight, worstSum(layer) / REGRESSION.sum)
}

/** The largest magnitude that a layer's sums can have, in the unit of its weights. */
function worstSum({ weight, bias, x }: Layer): number {
  const perOutput = elements(weight.dims.slice(1))
  let worst = 0
  for (let n = 0; n < weight.dims[0]!; n++) {
    const start = (bias?.[n] ?? 0) / x.scale
    let [lo, hi] = [start, start]
    for (const value of weight.values.subarray(n * perOutput, (n + 1) * perOutput)) {
      lo += Math.min(value * x.lo, value * x.hi)
      hi += Math.max(value * x.lo, value * x.hi)
    }
    worst = Math.max(worst, hi, -lo)
  }
  return worst
}
