/** A seeded generator (mulberry32): the same pictures everywhere. Good enough for noise, not for secrets. */
export type Random = {
  /** 0 up to 1, without 1. */
  unit(): number
  /** A whole number from min to max, both included. */
  integer(min: number, max: number): number
  pick<T>(from: readonly T[]): T
  /** Normally distributed around 0 with deviation 1. */
  normal(): number
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (min: number, max: number): number => min + Math.floor(unit() * (max - min + 1))
  return {
    unit,
    integer,
    pick: from => from[integer(0, from.length - 1)]!,
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
  }
}
