/**
 * The Reed-Solomon code of docs/zk-soundness.md section 5: a row of N = 2^c residues becomes its values at the powers
 * of w = w_4N. Value 4 k + t is the k-th of a transform of size N of m_j w^(t j): so four transforms run abreast, one a
 * lane, and their results lie in the code word's order.
 */
import { kAdd, kSub, mul, mul4, R2 } from './field'

/** cosets: N times w^(0 j), w^(1 j), w^(2 j), w^(3 j); twiddles[half + j] = w^(4 j N / (2 half)), j < half < N. w in Montgomery form. */
export function nttTables(cosets: usize, twiddles: usize, c: usize, w: u32): void {
  const one = mul(R2, 1)
  const n: usize = 1 << c
  let power = one
  for (let j: usize = 0; j < n; j++) {
    const square = mul(power, power)
    const at = cosets + (j << 4)
    store<u32>(at, one)
    store<u32>(at, power, 4)
    store<u32>(at, square, 8)
    store<u32>(at, mul(square, power), 12)
    power = mul(power, w)
  }
  let root = mul(w, w)
  root = mul(root, root)
  for (let half = n >> 1; half > 0; half >>= 1) {
    power = one
    for (let j: usize = 0; j < half; j++) {
      store<u32>(twiddles + ((half + j) << 2), power)
      power = mul(power, root)
    }
    root = mul(root, root)
  }
}

/** Encodes rows of 2^c residues into rows of 4 * 2^c residues: the rows from, ..., to - 1. */
export function encodeRows(
  dst: usize, src: usize, rows: usize, c: usize, cosets: usize, twiddles: usize, from: usize, to: usize,
): void {
  const n: usize = 1 << c
  for (let row = from; row < to; row++) {
    scatter(dst + row * (n << 4), src + row * (n << 2), n, cosets)
    for (let half: usize = 1; half < n; half <<= 1) butterflies(dst + row * (n << 4), n, half, twiddles)
  }
}

/** What the transforms begin with, in bit-reversed order. */
function scatter(dst: usize, src: usize, n: usize, cosets: usize): void {
  let reversed: usize = 0
  for (let j: usize = 0; j < n; j++) {
    const m = v128.load_splat<u32>(src + (j << 2))
    v128.store(dst + (reversed << 4), mul4(m, v128.load(cosets + (j << 4))))
    let bit = n >> 1
    while (bit > 0 && (reversed & bit) !== 0) {
      reversed ^= bit
      bit >>= 1
    }
    reversed |= bit
  }
}

function butterflies(row: usize, n: usize, half: usize, twiddles: usize): void {
  for (let block: usize = 0; block < n; block += half << 1) {
    for (let j: usize = 0; j < half; j++) {
      const at = row + ((block + j) << 4)
      const u = v128.load(at)
      const v = mul4(v128.load(at + (half << 4)), v128.load_splat<u32>(twiddles + ((half + j) << 2)))
      v128.store(at, kAdd(u, v))
      v128.store(at + (half << 4), kSub(u, v))
    }
  }
}
