/**
 * The fields of docs/zk-soundness.md, section 1, on BigInt: F of p elements and K = F[x] / (x^4 - 11).
 *
 * This folder is the slow twin of prover and verifier: it follows the document literally, is used by tests and
 * golden vectors only, and shares nothing with either but the graph's types and encoding.
 */

/** 2^31 - 2^27 + 1. */
export const P = 2013265921n

/** Generates F*, of order p - 1 = 2^27 · 15. */
const GENERATOR = 31n

/** x^4 in K. */
const NON_RESIDUE = 11n

/** An element of F, 0 to p - 1. */
export type F = bigint

/** c0 + c1 x + c2 x² + c3 x³. */
export type K = readonly [F, F, F, F]

/** An integer, negative ones included, as an element of F. */
export function toF(value: number | bigint): F {
  const rest = BigInt(value) % P
  return rest < 0n ? rest + P : rest
}

/** The integer z with |z| < p/2 that an element of F stands for. */
export const signed = (value: F): number => Number(value > P / 2n ? value - P : value)

export function powF(base: F, exponent: bigint): F {
  let result = 1n
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P
  return result
}

export const inverseF = (value: F): F => powF(value, P - 2n)

/** A root of unity of order n, a power of two. */
export const rootOfUnity = (n: number): F => powF(GENERATOR, (P - 1n) / BigInt(n))

export const ZERO: K = [0n, 0n, 0n, 0n]
export const ONE: K = [1n, 0n, 0n, 0n]
export const HALF: K = [inverseF(2n), 0n, 0n, 0n]

/** An integer, or an element of F, in K. */
export const toK = (value: number | bigint): K => [toF(value), 0n, 0n, 0n]

const wrap = (value: bigint): F => (value >= P ? value - P : value)

export const add = (a: K, b: K): K => [
  wrap(a[0] + b[0]),
  wrap(a[1] + b[1]),
  wrap(a[2] + b[2]),
  wrap(a[3] + b[3]),
]

export const negate = (a: K): K => [wrap(P - a[0]), wrap(P - a[1]), wrap(P - a[2]), wrap(P - a[3])]

export const sub = (a: K, b: K): K => add(a, negate(b))

export const scale = (f: number | bigint, a: K): K => {
  const factor = toF(f)
  return [(factor * a[0]) % P, (factor * a[1]) % P, (factor * a[2]) % P, (factor * a[3]) % P]
}

const inF = (a: K): boolean => a[1] === 0n && a[2] === 0n && a[3] === 0n

export function mul(a: K, b: K): K {
  if (inF(a)) return scale(a[0], b)
  if (inF(b)) return scale(b[0], a)
  return [
    (a[0] * b[0] + NON_RESIDUE * (a[1] * b[3] + a[2] * b[2] + a[3] * b[1])) % P,
    (a[0] * b[1] + a[1] * b[0] + NON_RESIDUE * (a[2] * b[3] + a[3] * b[2])) % P,
    (a[0] * b[2] + a[1] * b[1] + a[2] * b[0] + NON_RESIDUE * (a[3] * b[3])) % P,
    (a[0] * b[3] + a[1] * b[2] + a[2] * b[1] + a[3] * b[0]) % P,
  ]
}

/** a^(p^4 - 2), which inverts all but zero. */
export function inverse(a: K): K {
  let result = ONE
  for (let b = a, e = P ** 4n - 2n; e > 0n; e >>= 1n, b = mul(b, b)) if (e & 1n) result = mul(result, b)
  return result
}

export const equal = (a: K, b: K): boolean => a.every((coefficient, i) => coefficient === b[i])

export const sum = (values: readonly K[]): K => values.reduce(add, ZERO)

export const product = (values: readonly K[]): K => values.reduce(mul, ONE)
