import { createHash } from 'node:crypto'
import { p384 } from '@noble/curves/p384.js'

/**
 * Affine arithmetic on y² = x³ - 3x + c over F_p, for any c: none of the formulas uses it. Written for attacks, from
 * docs/p384-soundness.md alone; the constants are those of @noble/curves.
 */
export type Point = readonly [x: bigint, y: bigint]

const { n, b, Gx, Gy, Fp } = p384.CURVE
export const P: bigint = Fp.ORDER
export const N: bigint = n
export const B: bigint = b
export const G: Point = [Gx, Gy]

/** Doublings of the accumulator. */
export const DOUBLINGS = 193

export function mod(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = mod(base, modulus)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** Throws where there is none. */
export function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1, t0, t1] = [modulus, mod(value, modulus), 0n, 1n]
  while (r1 > 0n) {
    const quotient = r0 / r1
    ;[r0, r1, t0, t1] = [r1, r0 - quotient * r1, t1, t0 - quotient * t1]
  }
  if (r0 !== 1n) throw new Error('not invertible')
  return mod(t0, modulus)
}

/** A square root modulo a prime that is 3 modulo 4, or undefined. */
export function squareRoot(square: bigint, prime: bigint): bigint | undefined {
  const root = power(square, (prime + 1n) / 4n, prime)
  return mod(root * root - square, prime) === 0n ? root : undefined
}

/** The point of E with this x-coordinate and an even y-coordinate. */
export function lift(x: bigint): Point | undefined {
  if (x >= P) return undefined
  const y = squareRoot(mod(x ** 3n - 3n * x + B, P), P)
  return y === undefined ? undefined : [x, y & 1n ? P - y : y]
}

export const tangent = ([x, y]: Point): bigint => mod((3n * x * x - 3n) * inverse(2n * y, P), P)

export const chord = ([x1, y1]: Point, [x2, y2]: Point): bigint =>
  mod((y2 - y1) * inverse(mod(x2 - x1, P), P), P)

/** What an operation with any slope computes, modulo p. */
export function step([x1, y1]: Point, x2: bigint, slope: bigint): Point {
  const x = mod(slope * slope - x1 - x2, P)
  return [x, mod(slope * (x1 - x) - y1, P)]
}

export const negate = ([x, y]: Point): Point => [x, mod(-y, P)]
export const double = (point: Point): Point => step(point, point[0], tangent(point))
export const equal = (a: Point, c: Point): boolean => a[0] === c[0] && a[1] === c[1]

/** undefined is the point at infinity. */
export function add(a: Point | undefined, c: Point | undefined): Point | undefined {
  if (!a || !c) return a ?? c
  if (a[0] !== c[0]) return step(a, c[0], chord(a, c))
  return a[1] === c[1] && a[1] !== 0n ? double(a) : undefined
}

/** By @noble/curves, which is some hundred times as fast as the steps above; for points of E only. */
export function multiply(scalar: bigint, [x, y]: Point): Point | undefined {
  const factor = mod(scalar, N)
  if (factor === 0n) return undefined
  const product = p384.ProjectivePoint.fromAffine({ x, y }).multiply(factor).toAffine()
  return [product.x, product.y]
}

/** The sum of multiples of points of E. */
export function combine(...terms: (readonly [bigint, Point])[]): Point | undefined {
  return terms.reduce<Point | undefined>((sum, [k, point]) => add(sum, multiply(k, point)), undefined)
}

export function sure<T>(value: T | undefined): T {
  if (value === undefined)
    throw new Error('the attack met a case that it is not made for: choose other numbers')
  return value
}

/** Where the accumulator starts. */
export const S: Point = (() => {
  for (let i = 0; ; i++) {
    const digest = createHash('sha384').update(`nacre.p384.offset.${i}`).digest('hex')
    const point = lift(BigInt(`0x${digest}`))
    if (point) return point
  }
})()

/** Where it ends: [2^193]S. */
export const F: Point = sure(multiply(1n << 193n, S))

/** [1]T, [3]T, ... */
export function oddMultiples(point: Point, count: number): Point[] {
  const twice = double(point)
  const multiples = [point]
  while (multiples.length < count) multiples.push(sure(add(multiples.at(-1), twice)))
  return multiples
}

/** Tables 2 and 3. */
export const TABLES_OF_G: readonly [Point[], Point[]] = [
  oddMultiples(G, 64),
  oddMultiples(sure(multiply(1n << 192n, G)), 64),
]
