/**
 * A circuit's polynomials at one point (Groth, EUROCRYPT 2016, section 2.3), over the domains that snarkjs 0.7 has: the
 * constraints and a row for each public wire at the roots of unity of order N, the quotient by its values at the other
 * roots of order 2N.
 */
import type { Circuit } from './circuit.ts'
import { inverse, inverses, MODULUS, mod, power } from './field.ts'

export type Qap = {
  /** N. */
  domain: number
  /** By wire: the polynomials u, v and w. */
  a: bigint[]
  b: bigint[]
  c: bigint[]
  /** The Lagrange polynomials of the odd roots of order 2N. */
  odd: bigint[]
}

/** 5 generates the field's group; 2^28 is the largest power of two that divides its order. */
const GENERATOR = 5n

/** @param tau no root of unity of order 2N */
export function qapAt(circuit: Circuit, tau: bigint): Qap {
  const { constraints, wires, signals } = circuit
  const domain = 2 ** powerOf(circuit)
  const all = lagrange(2 * domain, tau)
  // An even root's polynomial over all is its own over the domain times (tau^N + 1) / 2.
  const factor = mod(2n * inverse(power(tau, BigInt(domain)) + 1n))
  const even = Array.from({ length: domain }, (_, i) => (all[2 * i]! * factor) % MODULUS)
  const zeros = (): bigint[] => new Array<bigint>(wires).fill(0n)
  const [a, b, c] = [zeros(), zeros(), zeros()]
  for (const [row, constraint] of constraints.entries())
    for (const [sums, linear] of [
      [a, constraint.a],
      [b, constraint.b],
      [c, constraint.c],
    ] as const)
      for (const [wire, coefficient] of linear)
        sums[wire] = (sums[wire]! + coefficient * even[row]!) % MODULUS
  // A row for 1 and each signal, so that no prover can trade one public wire for another.
  for (let wire = 0; wire <= signals; wire++) a[wire]! += even[constraints.length + wire]!
  return { domain, a: a.map(mod), b: b.map(mod), c: c.map(mod), odd: all.filter((_, i) => i % 2 === 1) }
}

/** log2 of a circuit's domain, the least power of two with room for all rows: its setup takes so many powers of tau. */
export function powerOf({ constraints, signals }: Pick<Circuit, 'constraints' | 'signals'>): number {
  return Math.ceil(Math.log2(constraints.length + signals + 1))
}

/** At tau, (tau^n - 1) / n · w^i / (tau - w^i) for the roots w^i of order n. */
function lagrange(n: number, tau: bigint): bigint[] {
  const root = power(GENERATOR, (MODULUS - 1n) / BigInt(n))
  const roots: bigint[] = []
  for (let i = 0, value = 1n; i < n; i++, value = (value * root) % MODULUS) roots.push(value)
  const factor = mod((power(tau, BigInt(n)) - 1n) * inverse(BigInt(n)))
  const inverted = inverses(roots.map(value => mod(tau - value)))
  return inverted.map((value, i) => (((value * factor) % MODULUS) * roots[i]!) % MODULUS)
}
