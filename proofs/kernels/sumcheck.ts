/**
 * Rounds of the sumchecks, docs/zk-soundness.md section 6: a pair is a vector's element of the first half (X = 0) and
 * of the second (X = 1); n counts elements of both halves together. from and to bound the pairs that are done, so that
 * several threads can share one.
 */
import { kAdd, kMul, kSub, mul4, sub } from './field'

/** out: g(0), g(2) of the sum of a b. */
export function product2(a: usize, b: usize, n: usize, out: usize, from: usize, to: usize): void {
  const half = n << 3
  let g0 = i32x4.splat(0), g2 = i32x4.splat(0)
  for (let i = from << 4; i < to << 4; i += 16) {
    const a0 = v128.load(a + i), a1 = v128.load(a + i + half)
    const b0 = v128.load(b + i), b1 = v128.load(b + i + half)
    g0 = kAdd(g0, kMul(a0, b0))
    g2 = kAdd(g2, kMul(kSub(kAdd(a1, a1), a0), kSub(kAdd(b1, b1), b0)))
  }
  v128.store(out, g0)
  v128.store(out, g2, 16)
}

/** The same with a in F. */
export function product2Base(a: usize, b: usize, n: usize, out: usize, from: usize, to: usize): void {
  const half = n >> 1
  let g0 = i32x4.splat(0), g2 = i32x4.splat(0)
  for (let i = from; i < to; i++) {
    const a0 = load<u32>(a + (i << 2)), a1 = load<u32>(a + ((i + half) << 2))
    const b0 = v128.load(b + (i << 4)), b1 = v128.load(b + ((i + half) << 4))
    g0 = kAdd(g0, mul4(i32x4.splat(a0), b0))
    g2 = kAdd(g2, mul4(i32x4.splat(sub(a1, sub(a0, a1))), kSub(kAdd(b1, b1), b0)))
  }
  v128.store(out, g0)
  v128.store(out, g2, 16)
}

/** out: g(0), g(2), g(3) of the sum of e a b. */
export function product3(
  e: usize, a: usize, b: usize, n: usize, out: usize, from: usize, to: usize,
): void {
  const half = n << 3
  let g0 = i32x4.splat(0), g2 = i32x4.splat(0), g3 = i32x4.splat(0)
  for (let i = from << 4; i < to << 4; i += 16) {
    const e0 = v128.load(e + i), a0 = v128.load(a + i), b0 = v128.load(b + i)
    const e1 = v128.load(e + i + half), a1 = v128.load(a + i + half), b1 = v128.load(b + i + half)
    const de = kSub(e1, e0), da = kSub(a1, a0), db = kSub(b1, b0)
    const e2 = kAdd(e1, de), a2 = kAdd(a1, da), b2 = kAdd(b1, db)
    g0 = kAdd(g0, kMul(e0, kMul(a0, b0)))
    g2 = kAdd(g2, kMul(e2, kMul(a2, b2)))
    g3 = kAdd(g3, kMul(kAdd(e2, de), kMul(kAdd(a2, da), kAdd(b2, db))))
  }
  v128.store(out, g0)
  v128.store(out, g2, 16)
  v128.store(out, g3, 32)
}

/** A level of the tree of fractions (section 7, step 3) from the n fractions below it, by halves. */
export function fractionTree(
  p: usize, q: usize, n: usize, p2: usize, q2: usize, from: usize, to: usize,
): void {
  const half = n << 3
  for (let i = from << 4; i < to << 4; i += 16) {
    const a = v128.load(p + i), b = v128.load(p + i + half)
    const c = v128.load(q + i), d = v128.load(q + i + half)
    v128.store(p2 + i, kAdd(kMul(a, d), kMul(b, c)))
    v128.store(q2 + i, kMul(c, d))
  }
}

/**
 * A round of a level, without the factor of eq that belongs to the variables bound so far and to this one (Gruen):
 * h(X) = sum of eq[x] (p0 q1 + q0 s) with s = p1 + lambda q1, of degree 2. out: h(0) and its leading coefficient.
 * n counts elements of both halves; eq has n / 2.
 */
export function fractionRound(
  p0: usize, s: usize, q0: usize, q1: usize, eq: usize, n: usize, out: usize, from: usize, to: usize,
): void {
  const half = n << 3
  let h0 = i32x4.splat(0), h2 = i32x4.splat(0)
  for (let i = from << 4; i < to << 4; i += 16) {
    const e = v128.load(eq + i)
    const a = v128.load(p0 + i), b = v128.load(s + i), c = v128.load(q0 + i), d = v128.load(q1 + i)
    h0 = kAdd(h0, kMul(kAdd(kMul(a, d), kMul(c, b)), e))
    const da = kSub(v128.load(p0 + i + half), a), db = kSub(v128.load(s + i + half), b)
    const dc = kSub(v128.load(q0 + i + half), c), dd = kSub(v128.load(q1 + i + half), d)
    h2 = kAdd(h2, kMul(kAdd(kMul(da, dd), kMul(dc, db)), e))
  }
  v128.store(out, h0)
  v128.store(out, h2, 16)
}
