/**
 * The prover's own F and K outside of its kernels, docs/zk-soundness.md section 1. Elements of F are numbers below P;
 * of K: c0 + c1 x + c2 x^2 + c3 x^3 with x^4 = 11. Rounds and points need thousands of products, vectors the kernels.
 */
export const P = 2013265921

export type K = readonly [number, number, number, number]

export const ZERO: K = [0, 0, 0, 0]
export const ONE: K = [1, 0, 0, 0]
export const HALF: K = [1006632961, 0, 0, 0]

/** x mod P of a whole number 0 <= x < 2^53. */
function reduce(x: number): number {
  const r = x - Math.floor(x / P) * P
  return r < 0 ? r + P : r >= P ? r - P : r
}

/** a b in F, by halves of b: no intermediate value reaches 2^48. */
export function mulF(a: number, b: number): number {
  return reduce(reduce(a * (b >>> 16)) * 0x10000 + a * (b & 0xffff))
}

export function powF(base: number, exponent: number): number {
  let [result, square] = [1, base]
  for (let e = exponent; e > 0; e = Math.floor(e / 2)) {
    if (e % 2 === 1) result = mulF(result, square)
    square = mulF(square, square)
  }
  return result
}

/** The residue of an integer, |z| < 2^53. */
export function residue(z: number): number {
  return ((z % P) + P) % P
}

export function fromInteger(z: number): K {
  return [residue(z), 0, 0, 0]
}

/** 2^-n. */
export function inverseOfPower(n: number): K {
  return [powF(HALF[0], n), 0, 0, 0]
}

const addF = (a: number, b: number): number => (a + b >= P ? a + b - P : a + b)
const subF = (a: number, b: number): number => (a < b ? a - b + P : a - b)

export function add(a: K, b: K): K {
  return [addF(a[0], b[0]), addF(a[1], b[1]), addF(a[2], b[2]), addF(a[3], b[3])]
}

export function sub(a: K, b: K): K {
  return [subF(a[0], b[0]), subF(a[1], b[1]), subF(a[2], b[2]), subF(a[3], b[3])]
}

/** a times an element of F. */
export function scale(a: K, f: number): K {
  return [mulF(a[0], f), mulF(a[1], f), mulF(a[2], f), mulF(a[3], f)]
}

/** Sum of four products of elements of F. */
function dot(a: K, b0: number, b1: number, b2: number, b3: number): number {
  return reduce(mulF(a[0], b0) + mulF(a[1], b1) + mulF(a[2], b2) + mulF(a[3], b3))
}

export function mul(a: K, [b0, b1, b2, b3]: K): K {
  if ((b1 | b2 | b3) === 0) return scale(a, b0)
  const [c1, c2, c3] = [reduce(11 * b1), reduce(11 * b2), reduce(11 * b3)]
  return [dot(a, b0, c3, c2, c1), dot(a, b1, b0, c3, c2), dot(a, b2, b1, b0, c3), dot(a, b3, b2, b1, b0)]
}

/**
 * 1 / a. With y = x^2, a = A(y) + x B(y): a (A - x B) = A^2 - y B^2 = n0 + n1 y, which times n0 - n1 y is in F.
 * The inverse of 0 is 0.
 */
export function inverse([a0, a1, a2, a3]: K): K {
  const conjugate: K = [a0, subF(0, a1), a2, subF(0, a3)]
  const [n0, , n1] = mul([a0, a1, a2, a3], conjugate)
  const norm = subF(mulF(n0, n0), reduce(11 * mulF(n1, n1)))
  const inverseOfNorm = powF(norm, P - 2)
  return mul(conjugate, [mulF(n0, inverseOfNorm), 0, mulF(subF(0, n1), inverseOfNorm), 0])
}

export function isZero(a: K): boolean {
  return (a[0] | a[1] | a[2] | a[3]) === 0
}

/** a + t (b - a). */
export function interpolate(a: K, b: K, t: K): K {
  return add(a, mul(t, sub(b, a)))
}

/** 31^((P - 1) / n): of order n, a power of two up to 2^27. */
export function rootOfUnity(n: number): number {
  return powF(31, (P - 1) / n)
}
