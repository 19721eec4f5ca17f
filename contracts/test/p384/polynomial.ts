import { inverse, mod } from './curve.ts'

/** Polynomials over a prime field, least coefficient first: how an attacker finds the slope that makes an equation hold. */
type Polynomial = bigint[]

/** A root modulo a prime of the polynomial function of at most this degree, or undefined if there is none. */
export function rootOf(
  evaluate: (x: bigint) => bigint,
  degree: number,
  prime: bigint,
  accept: (root: bigint) => boolean = () => true,
): bigint | undefined {
  return rootsOf(interpolate(evaluate, degree, prime), prime).find(accept)
}

export function interpolate(evaluate: (x: bigint) => bigint, degree: number, prime: bigint): Polynomial {
  const places = Array.from({ length: degree + 1 }, (_, i) => BigInt(i))
  // Newton's divided differences, then Horner
  const differences = places.map(x => mod(evaluate(x), prime))
  for (let k = 1; k <= degree; k++)
    for (let i = degree; i >= k; i--)
      differences[i] = mod((differences[i]! - differences[i - 1]!) * inverse(BigInt(k), prime), prime)
  let polynomial: Polynomial = []
  for (let i = degree; i >= 0; i--) {
    const shifted = [differences[i]!, ...polynomial]
    polynomial.forEach((c, k) => {
      shifted[k] = mod(shifted[k]! - c * places[i]!, prime)
    })
    polynomial = trim(shifted)
  }
  return polynomial
}

/** All roots in the field. */
export function rootsOf(polynomial: Polynomial, prime: bigint): bigint[] {
  const whole = trim(polynomial)
  if (whole.length < 2) return []
  const linear = trim(subtract(powerOf([0n, 1n], prime, whole, prime), [0n, 1n], prime))
  return split(linear.length === 0 ? whole : gcd(whole, linear, prime), prime)
}

function split(product: Polynomial, prime: bigint, seed = 1n): bigint[] {
  if (product.length < 2) return []
  if (product.length === 2) return [mod(-product[0]! * inverse(product[1]!, prime), prime)]
  const half = subtract(powerOf([seed, 1n], (prime - 1n) / 2n, product, prime), [1n], prime)
  const factor = gcd(product, trim(half), prime)
  if (factor.length < 2 || factor.length === product.length) return split(product, prime, seed + 1n)
  const other = divide(product, factor, prime).quotient
  return [...split(factor, prime, seed + 1n), ...split(other, prime, seed + 1n)]
}

function trim(polynomial: Polynomial): Polynomial {
  const end = polynomial.findLastIndex(c => c !== 0n)
  return polynomial.slice(0, end + 1)
}

function subtract(a: Polynomial, b: Polynomial, prime: bigint): Polynomial {
  const length = Math.max(a.length, b.length)
  return Array.from({ length }, (_, i) => mod((a[i] ?? 0n) - (b[i] ?? 0n), prime))
}

function divide(a: Polynomial, b: Polynomial, prime: bigint): { quotient: Polynomial; rest: Polynomial } {
  const rest = [...a]
  const quotient: Polynomial = Array.from({ length: Math.max(a.length - b.length + 1, 0) }, () => 0n)
  const lead = inverse(b.at(-1)!, prime)
  for (let i = a.length - b.length; i >= 0; i--) {
    const c = mod(rest[i + b.length - 1]! * lead, prime)
    quotient[i] = c
    b.forEach((d, k) => {
      rest[i + k] = mod(rest[i + k]! - c * d, prime)
    })
  }
  return { quotient, rest: trim(rest) }
}

function gcd(a: Polynomial, b: Polynomial, prime: bigint): Polynomial {
  let [x, y] = [a, b]
  while (y.length > 0) [x, y] = [y, x.length < y.length ? x : divide(x, y, prime).rest]
  return x
}

function powerOf(base: Polynomial, exponent: bigint, modulus: Polynomial, prime: bigint): Polynomial {
  const multiply = (a: Polynomial, b: Polynomial): Polynomial => {
    const product: Polynomial = Array.from({ length: a.length + b.length }, () => 0n)
    a.forEach((c, i) => {
      b.forEach((d, k) => {
        product[i + k] = product[i + k]! + c * d
      })
    })
    const reduced = trim(product.map(c => mod(c, prime)))
    return reduced.length < modulus.length ? reduced : divide(reduced, modulus, prime).rest
  }
  let result: Polynomial = [1n]
  let square = base.length < modulus.length ? base : divide(base, modulus, prime).rest
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = multiply(result, square)
    square = multiply(square, square)
  }
  return result
}
