/** A seeded source of numbers: every draw of the training (weights, order, shifts) comes from one. */
export type Random = {
  /** Uniform in [0, 1), with 32 bits. */
  uniform(): number
  /** Uniform integer in [0, bound), bound ≤ 2^16. */
  below(bound: number): number
}

/** sfc32 (Chris Doty-Humphrey's small fast counter, PractRand), integer operations only. */
export function createRandom(seed: number): Random {
  let a = 0
  let b = 0
  let c = seed | 0
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  for (let round = 0; round < 15; round++) next()
  const uniform = (): number => next() / 2 ** 32
  return { uniform, below: bound => Math.floor(uniform() * bound) }
}

/** 0 … count - 1 in a random order (Fisher and Yates). */
export function permutation(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index)
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const swap = order[last]!
    order[last] = order[other]!
    order[other] = swap
  }
  return order
}
