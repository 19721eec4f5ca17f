import { sha384, toHex, utf8 } from '@nacre/verify'

/** P-384 (SP 800-186, 3.2.1.4): y² = x³ - 3x + B over the integers modulo P, N points. */
export const P: bigint = 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n
export const N: bigint =
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n
export const B: bigint =
  0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn

/** An affine point; its coordinates are below P. */
export type Point = { x: bigint; y: bigint }

export const G: Point = {
  x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
  y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
}

/** Doublings of one check: docs/p384-soundness.md, section 3. */
export const DOUBLINGS = 193
/** Odd multiples of R and of Q in their tables, and of G and 2^192 G in the contract's. */
export const KEY_MULTIPLES = 8
export const BASE_MULTIPLES = 64

/** Least non-negative residue. */
export function mod(a: bigint, m: bigint): bigint {
  const residue = a % m
  return residue < 0n ? residue + m : residue
}

/** @throws RangeError where a has no inverse modulo the prime m */
export function invert(a: bigint, m: bigint): bigint {
  let [r0, r1, t0, t1] = [m, mod(a, m), 0n, 1n]
  if (r1 === 0n) throw new RangeError('zero has no inverse')
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  return mod(t0, m)
}

export function power(base: bigint, exponent: bigint, m: bigint): bigint {
  let result = 1n
  let square = mod(base, m)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % m
    square = (square * square) % m
  }
  return result
}

/** A step of affine arithmetic: the line's slope and the sum. */
export type Step = { slope: bigint; sum: Point }

export function double(a: Point): Step {
  return along(a, a, (3n * a.x * a.x - 3n) * invert(2n * a.y, P))
}

/** @throws RangeError for opposite points, whose sum is not affine */
export function add(a: Point, b: Point): Step {
  if (a.x === b.x && a.y === b.y) return double(a)
  return along(a, b, (b.y - a.y) * invert(b.x - a.x, P))
}

export function negate({ x, y }: Point): Point {
  return { x, y: mod(-y, P) }
}

function along(a: Point, b: Point, line: bigint): Step {
  const slope = mod(line, P)
  const x = mod(slope * slope - a.x - b.x, P)
  return { slope, sum: { x, y: mod(slope * (a.x - x) - a.y, P) } }
}

/** The point of this x whose y is even; undefined where the curve has none. P ≡ 3 mod 4. */
export function lift(x: bigint): Point | undefined {
  const square = mod(x ** 3n - 3n * x + B, P)
  const root = power(square, (P + 1n) / 4n, P)
  if (mod(root * root, P) !== square) return undefined
  return { x, y: root & 1n ? P - root : root }
}

/** [1]a, [3]a, [5]a, ... with the steps that lead there: [2]a first, then each addition of it. */
export function oddMultiples(a: Point, count: number): { points: Point[]; steps: Step[] } {
  const steps = [double(a)]
  const points = [a]
  const twice = (steps[0] as Step).sum
  for (let i = 1; i < count; i++) {
    const step = add(points[i - 1] as Point, twice)
    steps.push(step)
    points.push(step.sum)
  }
  return { points, steps }
}

export function doubleOften(a: Point, times: number): Point {
  let point = a
  for (let i = 0; i < times; i++) point = double(point).sum
  return point
}

/** S: a point whose logarithm nobody knows, where every scalar multiplication begins. */
export function findOffset(): Point {
  for (let i = 0; ; i++) {
    const x = BigInt(toHex(sha384(utf8(`nacre.p384.offset.${i}`))))
    const point = x < P ? lift(x) : undefined
    if (point) return point
  }
}

/** The odd multiples of G, then those of 2^192 G, as the contract has them. */
export function baseTables(): [Point[], Point[]] {
  const high = doubleOften(G, 192)
  return [oddMultiples(G, BASE_MULTIPLES).points, oddMultiples(high, BASE_MULTIPLES).points]
}
