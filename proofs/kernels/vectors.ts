/**
 * Vectors of F (u32) and of K (16 bytes), docs/zk-soundness.md section 1. Pointers are in bytes, n counts elements. Where
 * there are from and to, they bound the elements of dst that are done: threads share such a kernel.
 */
import {
  kAdd, kMul, kMulBy, kSub, lift, mul4, R2, reduceFour, residues, shift1, shift2, shift3, sub, times11,
} from './field'

/** Signed integers, |z| < p, to residues (not in Montgomery form). n is a multiple of 4, here and in the next two. */
export function toResidues(dst: usize, src: usize, n: usize): void {
  for (let i: usize = 0; i < n << 2; i += 16) v128.store(dst + i, residues(v128.load(src + i)))
}

/** Signed integers, |z| < p, to Montgomery form. */
export function toMont(dst: usize, src: usize, n: usize): void {
  const r2 = i32x4.splat(R2)
  for (let i: usize = 0; i < n << 2; i += 16) v128.store(dst + i, mul4(residues(v128.load(src + i)), r2))
}

/** Montgomery form to residues: of n words. */
export function fromMont(dst: usize, src: usize, n: usize): void {
  const one = i32x4.splat(1)
  for (let i: usize = 0; i < n << 2; i += 16) v128.store(dst + i, mul4(v128.load(src + i), one))
}

/** Elements of F as elements of K. */
export function liftAll(dst: usize, src: usize, n: usize): void {
  for (let i: usize = 0; i < n; i++) v128.store(dst + (i << 4), lift(load<u32>(src + (i << 2))))
}

/** dst[i] = value. */
export function fill(dst: usize, n: usize, value: usize): void {
  const k = v128.load(value)
  for (const end = dst + (n << 4); dst < end; dst += 16) v128.store(dst, k)
}

/** dst[i] = table[index[i]]: index is u32, dst and table are of K. */
export function gather(dst: usize, table: usize, index: usize, n: usize, from: usize, to: usize): void {
  for (let i = from; i < to; i++) {
    v128.store(dst + (i << 4), v128.load(table + ((<usize>load<u32>(index + (i << 2))) << 4)))
  }
}

/** dst[i] = src[i] + src[i + n / 2], i < n / 2. */
export function sumHalves(dst: usize, src: usize, n: usize, from: usize, to: usize): void {
  const half = n << 3
  for (let i = from << 4; i < to << 4; i += 16) {
    v128.store(dst + i, kAdd(v128.load(src + i), v128.load(src + i + half)))
  }
}

/** dst[i] += k * src[i]. */
export function addScaled(dst: usize, src: usize, n: usize, k: usize, from: usize, to: usize): void {
  const b = v128.load(k)
  const b11 = times11(b)
  const b1 = shift1(b, b11), b2 = shift2(b, b11), b3 = shift3(b, b11)
  for (let i = from << 4; i < to << 4; i += 16) {
    v128.store(dst + i, kAdd(v128.load(dst + i), kMulBy(v128.load(src + i), b, b1, b2, b3)))
  }
}

/** One more coordinate r: e becomes (1 - r) e, r e. Downwards, so that dst may be src. */
function doubleEq(dst: usize, src: usize, n: usize, r: usize): void {
  const b = v128.load(r)
  const b11 = times11(b)
  const b1 = shift1(b, b11), b2 = shift2(b, b11), b3 = shift3(b, b11)
  for (let i: usize = n; i-- > 0; ) {
    const e = v128.load(src + (i << 4))
    const one = kMulBy(e, b, b1, b2, b3)
    v128.store(dst + (i << 5) + 16, one)
    v128.store(dst + (i << 5), kSub(e, one))
  }
}

/** dst[i] = scale * eq(point, i), i < 2^bits; the point's first coordinate is the index's most significant bit. */
export function eqTable(dst: usize, point: usize, bits: usize, scale: usize): void {
  v128.store(dst, v128.load(scale))
  for (let i: usize = 0; i < bits; i++) doubleEq(dst, dst, 1 << i, point + (i << 4))
}

/** dst[i] += scale * eq(point, i). scratch: 2^(bits - 1) elements. */
export function eqTableAdd(dst: usize, point: usize, bits: usize, scale: usize, scratch: usize): void {
  if (bits === 0) {
    v128.store(dst, kAdd(v128.load(dst), v128.load(scale)))
    return
  }
  eqTable(scratch, point, bits - 1, scale)
  const b = v128.load(point + ((bits - 1) << 4))
  const b11 = times11(b)
  const b1 = shift1(b, b11), b2 = shift2(b, b11), b3 = shift3(b, b11)
  for (let i: usize = 0; i < 1 << (bits - 1); i++) {
    const e = v128.load(scratch + (i << 4))
    const one = kMulBy(e, b, b1, b2, b3)
    const at = dst + (i << 5)
    v128.store(at, kAdd(v128.load(at), kSub(e, one)))
    v128.store(at, kAdd(v128.load(at, 16), one), 16)
  }
}

/** Binds the first variable to r: dst[i] = src[i] + r (src[i + n / 2] - src[i]). dst may be src. */
export function foldExt(dst: usize, src: usize, n: usize, r: usize, from: usize, to: usize): void {
  const b = v128.load(r)
  const b11 = times11(b)
  const b1 = shift1(b, b11), b2 = shift2(b, b11), b3 = shift3(b, b11)
  const half = n << 3
  for (let i = from << 4; i < to << 4; i += 16) {
    const low = v128.load(src + i)
    const high = v128.load(src + i + half)
    v128.store(dst + i, kAdd(low, kMulBy(kSub(high, low), b, b1, b2, b3)))
  }
}

/** The same of a vector of F, to one of K elsewhere. */
export function foldBase(dst: usize, src: usize, n: usize, r: usize, from: usize, to: usize): void {
  const k = v128.load(r)
  const half = n << 1
  for (let i = from; i < to; i++) {
    const low = load<u32>(src + (i << 2))
    const high = load<u32>(src + (i << 2) + half)
    v128.store(dst + (i << 4), kAdd(lift(low), mul4(i32x4.splat(sub(high, low)), k)))
  }
}

/** dst[col] = sum of weights[row] * matrix[row][col]: a matrix of F, weights of K. */
export function dotRows(
  dst: usize, matrix: usize, rows: usize, cols: usize, weights: usize, from: usize, to: usize,
): void {
  memory.fill(dst + (from << 4), 0, (to - from) << 4)
  const stride = cols << 2
  let row: usize = 0
  for (; row + 4 <= rows; row += 4) {
    const w0 = v128.load(weights + (row << 4)), w1 = v128.load(weights + (row << 4), 16)
    const w2 = v128.load(weights + (row << 4), 32), w3 = v128.load(weights + (row << 4), 48)
    let at = matrix + row * stride + (from << 2)
    for (let col = from; col < to; col++, at += 4) {
      const m0 = v128.load_splat<u32>(at), m1 = v128.load_splat<u32>(at + stride)
      const m2 = v128.load_splat<u32>(at + stride * 2), m3 = v128.load_splat<u32>(at + stride * 3)
      v128.store(dst + (col << 4), kAdd(v128.load(dst + (col << 4)), dotFour(m0, m1, m2, m3, w0, w1, w2, w3)))
    }
  }
  for (; row < rows; row++) {
    const w = v128.load(weights + (row << 4))
    for (let col = from; col < to; col++) {
      const m = v128.load_splat<u32>(matrix + row * stride + (col << 2))
      v128.store(dst + (col << 4), kAdd(v128.load(dst + (col << 4)), mul4(m, w)))
    }
  }
}

// @ts-ignore: decorator
@inline
function dotFour(
  m0: v128, m1: v128, m2: v128, m3: v128, w0: v128, w1: v128, w2: v128, w3: v128,
): v128 {
  const low = i64x2.add(
    i64x2.add(i64x2.extmul_low_i32x4_u(m0, w0), i64x2.extmul_low_i32x4_u(m1, w1)),
    i64x2.add(i64x2.extmul_low_i32x4_u(m2, w2), i64x2.extmul_low_i32x4_u(m3, w3)),
  )
  const high = i64x2.add(
    i64x2.add(i64x2.extmul_high_i32x4_u(m0, w0), i64x2.extmul_high_i32x4_u(m1, w1)),
    i64x2.add(i64x2.extmul_high_i32x4_u(m2, w2), i64x2.extmul_high_i32x4_u(m3, w3)),
  )
  return reduceFour(low, high)
}

/** dst[row] = sum of matrix[row][col] * weights[col]: a matrix of F, weights of K. */
export function dotCols(
  dst: usize, matrix: usize, rows: usize, cols: usize, weights: usize, from: usize, to: usize,
): void {
  for (let row = from; row < to; row++) {
    let sum = i32x4.splat(0)
    let at = matrix + row * (cols << 2)
    let weight = weights
    let col: usize = 0
    for (; col + 4 <= cols; col += 4, at += 16, weight += 64) {
      const m = v128.load(at)
      sum = kAdd(
        sum,
        dotFour(
          v128.shuffle<i32>(m, m, 0, 0, 0, 0), v128.shuffle<i32>(m, m, 1, 1, 1, 1),
          v128.shuffle<i32>(m, m, 2, 2, 2, 2), v128.shuffle<i32>(m, m, 3, 3, 3, 3),
          v128.load(weight), v128.load(weight, 16), v128.load(weight, 32), v128.load(weight, 48),
        ),
      )
    }
    for (; col < cols; col++, at += 4, weight += 16) {
      sum = kAdd(sum, mul4(v128.load_splat<u32>(at), v128.load(weight)))
    }
    v128.store(dst + (row << 4), sum)
  }
}

/** dst = sum of a[i] * b[i], of K. */
export function dotExt(dst: usize, a: usize, b: usize, n: usize): void {
  let sum = i32x4.splat(0)
  for (let i: usize = 0; i < n << 4; i += 16) sum = kAdd(sum, kMul(v128.load(a + i), v128.load(b + i)))
  v128.store(dst, sum)
}

/**
 * dst[i] = start - beta a[i] - beta2 b[i] - beta3 c[i] of signed integers: a table's denominators (section 7,
 * step 3). powers: beta, beta2, beta3.
 */
export function fingerprints(
  dst: usize, a: usize, b: usize, c: usize, n: usize, start: usize, powers: usize,
): void {
  const r2 = i32x4.splat(R2)
  const beta = mul4(v128.load(powers), r2)
  const beta2 = mul4(v128.load(powers, 16), r2)
  const beta3 = mul4(v128.load(powers, 32), r2)
  const base = v128.load(start)
  for (let i: usize = 0; i < n; i++) {
    const x = residues(v128.load_splat<u32>(a + (i << 2)))
    const y = residues(v128.load_splat<u32>(b + (i << 2)))
    const z = residues(v128.load_splat<u32>(c + (i << 2)))
    v128.store(dst + (i << 4), kSub(kSub(kSub(base, mul4(x, beta)), mul4(y, beta2)), mul4(z, beta3)))
  }
}
