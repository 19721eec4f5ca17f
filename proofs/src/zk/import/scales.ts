import type { Graph, Range } from '../graph/graph.ts'
import type { Statistics } from './calibrate.ts'
import { elements, type FloatTensor, type Network } from './network.ts'

/** Weights of layers between lookups have eight bits. */
const WEIGHT_LIMIT = 127

/** A sum is multiplied by m before it is shifted (docs/zk-soundness.md, section 2.4). */
const MAX_PRODUCT = 2 ** 29
/** With a table of 12 bits behind it, a remainder stays unique: s + w ≤ 31. */
const MAX_SHIFT = 19

/** Of a layer, so that a small multiple of it is still below that: reached where a bias is far larger than its layer's products. */
const MAX_SUM = 2 ** 25
const MAX_MULTIPLIER = 2 ** 15 - 1

/** Multipliers that are tried: the shift stays small, and so do the remainders that are committed. */
const MULTIPLIERS = [1, 3, 5, 7, 9, 11, 13, 15]

/** How much coarser than necessary weights, and a lookup's argument, may become; more where it saves the wide lookup. */
const COARSER = { weights: 16 / 15, saving: 1.4, wide: 1.2, narrow: 1.75 }

const SMALL_REMAINDER = 11

/** Arguments below this, worst case, are in one table; a little less, as weights are rounded. */
const NARROW_SIDE = 2 ** 11 - 16

/** A wide lookup's w, a bit less than is allowed. */
const WIDE_BITS = 10

const LEAST_STEPS = 64

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

/** q = ⌊(multiplier · x + h) / 2^shift⌋ of a lookup: 1 of q stands for scale · 2^shift / multiplier. */
export type Shift = { multiplier: number; shift: number }

/**
 * What a lookup wants: 1 of its argument to stand for `unit`, or a little more. `window` is v of section 2.3, `narrow` where one table
 * may hold all.
 */
export type Wanted = { unit: number; window: number; narrow: boolean }

/** Units that will do, given the largest magnitude of the argument, both in real numbers. */
function unitsFor({ unit, window, narrow }: Wanted, worst: number): { least: number; most: number } {
  // Where the samples say nothing, as of an activation that they never reach, the worst case has some steps at least.
  const fine = worst > 0 ? Math.min(unit, worst / LEAST_STEPS) : unit
  const held = worst / NARROW_SIDE
  if (narrow && held <= fine * COARSER.narrow)
    return { least: Math.max(fine, held), most: fine * COARSER.narrow }
  const least = Math.max(fine, worst / 2 ** (WIDE_BITS + window))
  return { least, most: least * COARSER.wide }
}

/** The smallest multiplier, and its shift, that bring integers to a unit that will do. */
export function shiftTo({ lo, hi, scale }: Range & { scale: number }, wanted: Wanted): Shift {
  const magnitude = Math.max(hi, -lo)
  const { least, most } = unitsFor(wanted, magnitude * scale)
  for (const multiplier of MULTIPLIERS)
    for (let shift = 0; shift <= MAX_SHIFT; shift++) {
      const unit = (scale * 2 ** shift) / multiplier
      if (unit >= least && unit <= most && multiplier * magnitude + 2 ** shift <= MAX_PRODUCT)
        return { multiplier, shift }
    }
  if (scale * 2 ** MAX_SHIFT < least) return { multiplier: 1, shift: MAX_SHIFT }
  // Finer than the integers are: they are multiplied.
  const room = Math.floor(MAX_PRODUCT / Math.max(1, magnitude)) - 1
  return { multiplier: Math.max(1, Math.min(Math.floor(scale / least), MAX_MULTIPLIER, room)), shift: 0 }
}

type Layer = { weight: FloatTensor; bias?: Float64Array | undefined; x: Range & { scale: number } }

/**
 * What 1 of a layer's weights stands for, and the shift of the lookup behind it. Weights and that lookup's unit may become a little
 * coarser, so that the multiplier is small: remainders of few bits are committed, and nothing is lost to a power of two.
 * @param wanted absent where the sums are the network's outputs
 */
export function planLayer(layer: Layer, wanted?: Wanted): { scale: number; shift?: Shift } {
  const { weight, x } = layer
  const worst = worstSum(layer)
  const finest = Math.max(largestOf(weight) / WEIGHT_LIMIT, worst / MAX_SUM)
  if (!wanted) return { scale: finest }
  const { least, most } = unitsFor(wanted, worst * x.scale)
  // Remainders of 12 bits are a table of 4,096 entries: a little less precision saves it.
  for (const { coarser, bits } of [
    { coarser: COARSER.weights, bits: SMALL_REMAINDER },
    { coarser: COARSER.saving, bits: SMALL_REMAINDER },
    { coarser: COARSER.weights, bits: MAX_SHIFT },
  ])
    for (const multiplier of MULTIPLIERS)
      for (let shift = 0; shift <= bits; shift++) {
        const first = (x.scale * finest * 2 ** shift) / multiplier
        const unit = Math.max(least, first)
        const scale = (unit * multiplier) / (x.scale * 2 ** shift)
        const held = (multiplier * worst) / scale + 2 ** shift < MAX_PRODUCT / 1.05
        if (unit <= most && unit <= first * coarser && held) return { scale, shift: { multiplier, shift } }
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
