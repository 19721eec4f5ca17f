/**
 * Poseidon's constants for BN254, made as its paper says (Grassi et al., USENIX Security 2021, appendix E): the Grain
 * generator in its self-shrinking mode, seeded with the instance. They are circomlib's (docs/zk-groth16.md, section 3).
 */
import { inverse, MODULUS, mod } from './field.ts'

/** An instance of Poseidon with the S-box x^5. */
export type PoseidonParameters = {
  /** t, the elements of the state: one more than inputs. */
  width: number
  /** R_P. */
  partialRounds: number
  /** `width` a round, in order. */
  constants: readonly bigint[]
  /** The Cauchy matrix that mixes the state: rows. */
  matrix: readonly (readonly bigint[])[]
}

/** R_F, half of them before the partial rounds and half behind. */
export const FULL_ROUNDS = 8
/** R_P for t = 2, 3, ..., 17: those of circomlib. */
const PARTIAL_ROUNDS = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68]

/** The most elements that one permutation takes in. */
export const MAX_INPUTS: number = PARTIAL_ROUNDS.length
const FIELD_BITS = 254

const made = new Map<number, PoseidonParameters>()

/** The parameters of a width from 2 to 17; made once. */
export function parametersOf(width: number): PoseidonParameters {
  const known = made.get(width)
  if (known) return known
  const partialRounds = PARTIAL_ROUNDS[width - 2]!
  const next = grain(width, partialRounds)
  const constants = Array.from({ length: (FULL_ROUNDS + partialRounds) * width }, () => {
    let value = next()
    while (value >= MODULUS) value = next()
    return value
  })
  const parameters = { width, partialRounds, constants, matrix: cauchy(width, next) }
  made.set(width, parameters)
  return parameters
}

/** 1 / (x_i + y_j) with 2t different elements: drawn again until they are, and reduced rather than refused. */
function cauchy(width: number, next: () => bigint): bigint[][] {
  for (;;) {
    const drawn = Array.from({ length: 2 * width }, () => mod(next()))
    const [x, y] = [drawn.slice(0, width), drawn.slice(width)]
    const sums = x.map(a => y.map(b => mod(a + b)))
    if (new Set(drawn).size === drawn.length && sums.every(row => row.every(sum => sum !== 0n)))
      return sums.map(row => row.map(inverse))
  }
}

/** Whole numbers of 254 bits, the first bit the highest. */
function grain(width: number, partialRounds: number): () => bigint {
  // A prime field; x^alpha; n; t; R_F; R_P; ones.
  const seed: [value: number, bits: number][] = [
    [1, 2],
    [0, 4],
    [FIELD_BITS, 12],
    [width, 12],
    [FULL_ROUNDS, 10],
    [partialRounds, 10],
    [2 ** 30 - 1, 30],
  ]
  const state = Uint8Array.from(
    seed.flatMap(([value, bits]) => [...value.toString(2).padStart(bits, '0')].map(Number)),
  )
  const size = state.length
  let at = 0
  const clock = (): number => {
    let bit = 0
    for (const tap of [62, 51, 38, 23, 13, 0]) bit ^= state[(at + tap) % size]!
    state[at] = bit
    at = (at + 1) % size
    return bit
  }
  for (let i = 0; i < 160; i++) clock()
  // Of two bits the second counts if the first is 1.
  const shrunk = (): number => {
    while (clock() === 0) clock()
    return clock()
  }
  return () => {
    let digits = '0b'
    for (let i = 0; i < FIELD_BITS; i++) digits += shrunk()
    return BigInt(digits)
  }
}
