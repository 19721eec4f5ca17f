/**
 * The field F of p elements and its extension K of degree 4 (docs/zk-soundness.md, section 1).
 *
 * An element of F is an integer in [0, p); one of K is its four coefficients. There is no BigInt: a product's low 32 bits come from
 * Math.imul, and the quotient by p from floating point.
 */

import { P } from '../graph/limits.ts'

/** c0 + c1 x + c2 x² + c3 x³ modulo x⁴ - 11, coefficients in F. */
export type K = readonly [number, number, number, number]

export const ZERO: K = [0, 0, 0, 0]
export const ONE: K = [1, 0, 0, 0]

/** 1/2 and 1/6 in F. */
export const HALF = 1006632961
export const SIXTH = 1677721601

const INVERSE = 1 / P
const GENERATOR = 31
/** The largest power of two that divides p - 1. */
const TWO_ADICITY = 27

// Sums and differences have no branch, which would be right every other time.
export function addF(a: number, b: number): number {
  const rest = (a - P + b) | 0
  return rest + (P & (rest >> 31))
}

export function subF(a: number, b: number): number {
  const rest = (a - b) | 0
  return rest + (P & (rest >> 31))
}

/**
 * The float quotient is right or off by one: a·b/p is below 2^31 and its error below 2^-20. So the remainder that the low 32
 * bits give is within 2^11 of [0, p) on either side or more than p - 2^11 beyond, never outside of 32 bits.
 */
export function mulF(a: number, b: number): number {
  const quotient = (a * b * INVERSE) | 0
  const rest = (Math.imul(a, b) - Math.imul(quotient, P)) | 0
  return rest < 0 ? (rest + P) | 0 : rest >= P ? (rest - P) | 0 : rest
}

/** An integer of at most 2^53 - 2^32 in absolute value, modulo p; the quotient, below 2^23, is right or off by one. */
export function toF(value: number): number {
  const rest = (value - Math.floor(value * INVERSE) * P) | 0
  return rest < 0 ? (rest + P) | 0 : rest >= P ? (rest - P) | 0 : rest
}

export function powF(base: number, exponent: number): number {
  let power = 1
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = mulF(power, square)
    square = mulF(square, square)
  }
  return power
}

/** 1/a; a is not zero. */
export function invF(a: number): number {
  return powF(a, P - 2)
}

/** ω_n, of order n = 2^log. */
export function rootOfUnity(log: number): number {
  return powF(powF(GENERATOR, (P - 1) / 2 ** TWO_ADICITY), 2 ** (TWO_ADICITY - log))
}

/** An integer as an element of K. */
export function toK(value: number): K {
  return [toF(value), 0, 0, 0]
}

export function add(a: K, b: K): K {
  return [addF(a[0], b[0]), addF(a[1], b[1]), addF(a[2], b[2]), addF(a[3], b[3])]
}

export function sub(a: K, b: K): K {
  return [subF(a[0], b[0]), subF(a[1], b[1]), subF(a[2], b[2]), subF(a[3], b[3])]
}

/**
 * The product: coefficients above x³ come back multiplied by 11. Each sum of four products is taken of b's high and low halves
 * of 16 bits apart, and is then below 34 · 2^31 · 2^16 + 2^47, within 2^53.
 */
export function mul(a: K, b: K): K {
  const a0 = a[0]
  const a1 = a[1]
  const a2 = a[2]
  const a3 = a[3]
  const h0 = b[0] >>> 16
  const h1 = b[1] >>> 16
  const h2 = b[2] >>> 16
  const h3 = b[3] >>> 16
  const l0 = b[0] & 0xffff
  const l1 = b[1] & 0xffff
  const l2 = b[2] & 0xffff
  const l3 = b[3] & 0xffff
  return [
    join(a0 * h0 + 11 * (a1 * h3 + a2 * h2 + a3 * h1), a0 * l0 + 11 * (a1 * l3 + a2 * l2 + a3 * l1)),
    join(a0 * h1 + a1 * h0 + 11 * (a2 * h3 + a3 * h2), a0 * l1 + a1 * l0 + 11 * (a2 * l3 + a3 * l2)),
    join(a0 * h2 + a1 * h1 + a2 * h0 + 11 * a3 * h3, a0 * l2 + a1 * l1 + a2 * l0 + 11 * a3 * l3),
    join(a0 * h3 + a1 * h2 + a2 * h1 + a3 * h0, a0 * l3 + a1 * l2 + a2 * l1 + a3 * l0),
  ]
}

/** 2^16 high + low. */
function join(high: number, low: number): number {
  return toF(toF(high) * 65536 + low)
}

/** The product with an element of F. */
export function scale(a: K, factor: number): K {
  return [mulF(a[0], factor), mulF(a[1], factor), mulF(a[2], factor), mulF(a[3], factor)]
}

/** a + t (b - a): the line through a at 0 and b at 1. */
export function mix(a: K, b: K, t: K): K {
  return add(a, mul(t, sub(b, a)))
}

export function equal(a: K, b: K): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3]
}

/** 1, a, a², ...: `count` of them. */
export function powers(a: K, count: number): K[] {
  const all: K[] = []
  for (let power = ONE; all.length < count; power = mul(power, a)) all.push(power)
  return all
}

/** Σ a[i] b[i]. */
export function dot(a: readonly K[], b: readonly K[]): K {
  return a.reduce((sum, x, i) => add(sum, mul(x, b[i]!)), ZERO)
}
