/** Poseidon over BN254 with circomlib's constants (docs/zk-groth16.md, section 3). */
import { MODULUS, mod } from './field.ts'
import { FULL_ROUNDS, MAX_INPUTS, parametersOf } from './grain.ts'

/**
 * circomlib's Poseidon(n): the first element of the state that (0, inputs) becomes.
 * @param inputs 1 to 16 elements of the field
 * @example
 * poseidon([1n, 2n]) // 7853200120776062878684798364095072458815029376092732009249414926327459813530n
 */
export function poseidon(inputs: readonly bigint[]): bigint {
  if (inputs.length < 1 || inputs.length > MAX_INPUTS)
    throw new RangeError(`${inputs.length} inputs: from 1 to ${MAX_INPUTS}`)
  const { width, partialRounds, constants, matrix } = parametersOf(inputs.length + 1)
  let state = [0n, ...inputs]
  for (let round = 0; round < FULL_ROUNDS + partialRounds; round++) {
    const isFull = isFullRound(round, partialRounds)
    const mixed = state.map((value, i) => {
      const sum = value + constants[round * width + i]!
      return isFull || i === 0 ? fifth(sum) : sum
    })
    state = matrix.map(row => mod(row.reduce((sum, factor, j) => sum + factor * mixed[j]!, 0n)))
  }
  return state[0]!
}

/**
 * A list of any length: the first 16 elements, then what came of them with the next 15, and so on. Lists are told apart
 * by their first element, which says how many follow (section 2).
 */
export function poseidonChain(elements: readonly bigint[]): bigint {
  return chain(elements, poseidon)
}

/** The order in which a chain takes its elements, for whatever stands for them. */
export function chain<T>(elements: readonly T[], hash: (inputs: readonly T[]) => T): T {
  let digest = hash(elements.slice(0, MAX_INPUTS))
  for (let from = MAX_INPUTS; from < elements.length; from += MAX_INPUTS - 1)
    digest = hash([digest, ...elements.slice(from, from + MAX_INPUTS - 1)])
  return digest
}

/** Whether a round puts every element through the S-box, or only the first. */
export function isFullRound(round: number, partialRounds: number): boolean {
  return round < FULL_ROUNDS / 2 || round >= FULL_ROUNDS / 2 + partialRounds
}

function fifth(value: bigint): bigint {
  const square = (value * value) % MODULUS
  return (((square * square) % MODULUS) * value) % MODULUS
}
