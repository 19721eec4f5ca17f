/**
 * BabyBear F and its extension K = F[x] / (x^4 - 11), docs/zk-soundness.md section 1, four words of 32 bits abreast.
 * Elements are in Montgomery form (a * 2^32 mod p) unless a function says otherwise. An element of K is a v128:
 * c0, c1, c2, c3.
 */

/** The modulus, 2^31 - 2^27 + 1. */
export const P: u32 = 2013265921
/** p^-1 mod 2^32. */
const P_INVERSE: u32 = 2281701377
/** 2^64 mod p: times this, a number gets into Montgomery form. */
export const R2: u32 = 1172168163
/**
 * P and P_INVERSE in all lanes. They are loaded and not written as constants, which engines make anew at each use: a
 * seventh faster.
 */
const CONSTANTS: usize = memory.data<u32>(
  [P, P, P, P, P_INVERSE, P_INVERSE, P_INVERSE, P_INVERSE], 16,
)

// @ts-ignore: decorator
@inline
export function mul(a: u32, b: u32): u32 {
  const t = <u64>a * <u64>b
  const u = <u64>(<u32>t * P_INVERSE) * <u64>P
  const high = <u32>(t >> 32)
  const other = <u32>(u >> 32)
  return high < other ? high - other + P : high - other
}

// @ts-ignore: decorator
@inline
export function sub(a: u32, b: u32): u32 {
  return a < b ? a - b + P : a - b
}

// @ts-ignore: decorator
@inline
export function p4(): v128 {
  return v128.load(CONSTANTS)
}

/** a + b, lane by lane. */
// @ts-ignore: decorator
@inline
export function kAdd(a: v128, b: v128): v128 {
  const sum = i32x4.add(a, b)
  return i32x4.min_u(sum, i32x4.sub(sum, p4()))
}

/** a - b, lane by lane. */
// @ts-ignore: decorator
@inline
export function kSub(a: v128, b: v128): v128 {
  const difference = i32x4.sub(a, b)
  return i32x4.min_u(difference, i32x4.add(difference, p4()))
}

/** Montgomery reduction of four sums below p * 2^32: low has lanes 0 and 1, high has 2 and 3. */
// @ts-ignore: decorator
@inline
function reduceHigh(low: v128, high: v128, top: v128): v128 {
  const m = i32x4.mul(v128.shuffle<i32>(low, high, 0, 2, 4, 6), v128.load(CONSTANTS, 16))
  const mp = v128.shuffle<i32>(
    i64x2.extmul_low_i32x4_u(m, p4()),
    i64x2.extmul_high_i32x4_u(m, p4()),
    1, 3, 5, 7,
  )
  return kSub(top, mp)
}

/** Of sums below p * 2^32. */
// @ts-ignore: decorator
@inline
export function reduce(low: v128, high: v128): v128 {
  return reduceHigh(low, high, v128.shuffle<i32>(low, high, 1, 3, 5, 7))
}

/** Of sums of at most four products of two elements: 4 p^2 is below 2 p * 2^32. */
// @ts-ignore: decorator
@inline
export function reduceFour(low: v128, high: v128): v128 {
  const top = v128.shuffle<i32>(low, high, 1, 3, 5, 7)
  return reduceHigh(low, high, i32x4.min_u(top, i32x4.sub(top, p4())))
}

/** a * b, lane by lane: four products in F, or an element of K by a splat one of F. */
// @ts-ignore: decorator
@inline
export function mul4(a: v128, b: v128): v128 {
  return reduce(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b))
}

/** 11 a = 8 a + 2 a + a. */
// @ts-ignore: decorator
@inline
export function times11(a: v128): v128 {
  const two = kAdd(a, a)
  const four = kAdd(two, two)
  return kAdd(kAdd(four, four), kAdd(two, a))
}

/** Rows of the matrix of multiplication by b: x b, x^2 b, x^3 b. */
// @ts-ignore: decorator
@inline
export function shift1(b: v128, b11: v128): v128 {
  return v128.shuffle<i32>(b11, b, 3, 4, 5, 6)
}
// @ts-ignore: decorator
@inline
export function shift2(b: v128, b11: v128): v128 {
  return v128.shuffle<i32>(b11, b, 2, 3, 4, 5)
}
// @ts-ignore: decorator
@inline
export function shift3(b: v128, b11: v128): v128 {
  return v128.shuffle<i32>(b11, b, 1, 2, 3, 4)
}

/** a * b in K, of b and what shift1, shift2, shift3 make of it: for a b that stays. */
// @ts-ignore: decorator
@inline
export function kMulBy(a: v128, b: v128, b1: v128, b2: v128, b3: v128): v128 {
  const a0 = v128.shuffle<i32>(a, a, 0, 0, 0, 0)
  const a1 = v128.shuffle<i32>(a, a, 1, 1, 1, 1)
  const a2 = v128.shuffle<i32>(a, a, 2, 2, 2, 2)
  const a3 = v128.shuffle<i32>(a, a, 3, 3, 3, 3)
  const low = i64x2.add(
    i64x2.add(i64x2.extmul_low_i32x4_u(a0, b), i64x2.extmul_low_i32x4_u(a1, b1)),
    i64x2.add(i64x2.extmul_low_i32x4_u(a2, b2), i64x2.extmul_low_i32x4_u(a3, b3)),
  )
  const high = i64x2.add(
    i64x2.add(i64x2.extmul_high_i32x4_u(a0, b), i64x2.extmul_high_i32x4_u(a1, b1)),
    i64x2.add(i64x2.extmul_high_i32x4_u(a2, b2), i64x2.extmul_high_i32x4_u(a3, b3)),
  )
  return reduceFour(low, high)
}

/** a * b in K. */
// @ts-ignore: decorator
@inline
export function kMul(a: v128, b: v128): v128 {
  const b11 = times11(b)
  return kMulBy(a, b, shift1(b, b11), shift2(b, b11), shift3(b, b11))
}

/** The element of K that one of F is. */
// @ts-ignore: decorator
@inline
export function lift(a: u32): v128 {
  return i32x4.replace_lane(i32x4.splat(0), 0, a)
}

/** Integers to residues below p: each |z| < p. */
// @ts-ignore: decorator
@inline
export function residues(z: v128): v128 {
  return i32x4.add(z, v128.and(i32x4.shr_s(z, 31), p4()))
}
