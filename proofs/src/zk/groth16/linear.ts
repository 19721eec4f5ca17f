/** Linear combinations of a circuit's wires (docs/zk-groth16.md, section 1). */
import { mod } from './field.ts'

/**
 * Wires with coefficients, each wire once; wire 0 is the constant 1. Coefficients are whole numbers, of any sign and
 * size, that stand for their residues.
 */
export type Linear = readonly (readonly [wire: number, coefficient: bigint])[]

export const ZERO: Linear = []
export const ONE: Linear = [[0, 1n]]

export function constant(value: bigint): Linear {
  return value === 0n ? ZERO : [[0, value]]
}

/** The sum of factor · linear. */
export function combine(terms: Iterable<readonly [Linear, bigint]>): Linear {
  const sum = new Map<number, bigint>()
  for (const [linear, factor] of terms)
    if (factor !== 0n)
      for (const [wire, coefficient] of linear) sum.set(wire, (sum.get(wire) ?? 0n) + factor * coefficient)
  return [...sum].filter(([, coefficient]) => coefficient !== 0n)
}

export function add(a: Linear, b: Linear): Linear {
  return combine([
    [a, 1n],
    [b, 1n],
  ])
}

export function plus(linear: Linear, number: number): Linear {
  return add(linear, constant(BigInt(number)))
}

export function subtract(a: Linear, b: Linear): Linear {
  return combine([
    [a, 1n],
    [b, -1n],
  ])
}

/** Σ 2^i · bits[i]. */
export function fromBits(bits: readonly Linear[]): Linear {
  return combine(bits.map((bit, i) => [bit, 1n << BigInt(i)] as const))
}

/** The value of a combination without wires; undefined if it has any. */
export function constantOf(linear: Linear): bigint | undefined {
  if (linear.length === 0) return 0n
  return linear.length === 1 && linear[0]![0] === 0 ? linear[0]![1] : undefined
}

/** Its value for the values of all wires, from 0 to the modulus. */
export function evaluate(linear: Linear, values: readonly bigint[]): bigint {
  let sum = 0n
  for (const [wire, coefficient] of linear) sum += coefficient * values[wire]!
  return mod(sum)
}
