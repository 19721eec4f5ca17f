/** SHA-256 (FIPS 180-4): of one message, and of four messages of equal length abreast (Merkle leaves and nodes). */

const K: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]
const INITIAL: StaticArray<u32> = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]
/** Words of the message's schedule: 64 of one message, or 64 of four. */
let schedule: usize = 0
/** The chaining value: 8 words, of one or four messages. */
let state: usize = 0
/** A last block or two. */
let tail: usize = 0

/** Where this instance's hashes are in the making: threads share the memory. 1280 bytes, at a multiple of 16. */
export function useScratch(at: usize): void {
  schedule = at
  state = at + 1024
  tail = at + 1152
}

/** Of length bytes at src; 32 bytes to dst. */
export function sha256(dst: usize, src: usize, length: usize): void {
  for (let i: usize = 0; i < 32; i += 4) store<u32>(state + i, load<u32>(changetype<usize>(INITIAL) + i))
  const whole = length & ~63
  for (let i: usize = 0; i < whole; i += 64) compress(src + i)
  const rest = length - whole
  memory.fill(tail, 0, 128)
  memory.copy(tail, src + whole, rest)
  store<u8>(tail + rest, 0x80)
  const end: usize = rest < 56 ? 64 : 128
  store<u64>(tail + end - 8, bswap<u64>((<u64>length) << 3))
  compress(tail)
  if (end === 128) compress(tail + 64)
  for (let i: usize = 0; i < 32; i += 4) store<u32>(dst + i, bswap<u32>(load<u32>(state + i)))
}

function compress(block: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, bswap<u32>(load<u32>(block + i)))
  for (let i: usize = 64; i < 256; i += 4) {
    const x = load<u32>(schedule + i - 60), y = load<u32>(schedule + i - 8)
    const s0 = rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3)
    const s1 = rotr<u32>(y, 17) ^ rotr<u32>(y, 19) ^ (y >> 10)
    store<u32>(schedule + i, load<u32>(schedule + i - 64) + load<u32>(schedule + i - 28) + s0 + s1)
  }
  let a = load<u32>(state), b = load<u32>(state, 4), c = load<u32>(state, 8), d = load<u32>(state, 12)
  let e = load<u32>(state, 16), f = load<u32>(state, 20), g = load<u32>(state, 24), h = load<u32>(state, 28)
  for (let i: usize = 0; i < 256; i += 4) {
    const s1 = rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)
    const t1 = h + s1 + (g ^ (e & (f ^ g))) + load<u32>(changetype<usize>(K) + i) + load<u32>(schedule + i)
    const t2 = (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) | (c & (a | b)))
    h = g; g = f; f = e; e = d + t1; d = c; c = b; b = a; a = t1 + t2
  }
  store<u32>(state, load<u32>(state) + a); store<u32>(state, load<u32>(state, 4) + b, 4)
  store<u32>(state, load<u32>(state, 8) + c, 8); store<u32>(state, load<u32>(state, 12) + d, 12)
  store<u32>(state, load<u32>(state, 16) + e, 16); store<u32>(state, load<u32>(state, 20) + f, 20)
  store<u32>(state, load<u32>(state, 24) + g, 24); store<u32>(state, load<u32>(state, 28) + h, 28)
}

/**
 * Leaves: dst[i] = H(0x00 | u32 rows | u32 i | column i) of a matrix of residues, for columns from, ..., to - 1, both
 * multiples of 4. The words of a message are those of its numbers, a byte later.
 */
export function sha256Columns(dst: usize, matrix: usize, rows: usize, n: usize, from: usize, to: usize): void {
  const words = rows + 2
  const blocks: usize = ((rows << 2) + 18 + 63) >> 6
  for (let i = from; i < to; i += 4) {
    begin4()
    let previous = i32x4.splat(0)
    for (let k: usize = 0; k < blocks << 4; k++) {
      let word = i32x4.splat(0)
      if (k < words) {
        if (k === 0) word = i32x4.splat(<i32>rows)
        else if (k === 1) word = i32x4.add(i32x4.splat(<i32>i), i32x4(0, 1, 2, 3))
        else word = v128.load(matrix + (((k - 2) * n + i) << 2))
      } else if (k === words) word = i32x4.splat(0x80)
      const top = v128.and(previous, i32x4.splat(0xff000000))
      v128.store(schedule + ((k & 15) << 4), v128.or(top, i32x4.shr_u(bswap4(word), 8)))
      previous = word
      if ((k & 15) === 15) {
        if (k + 1 === blocks << 4) v128.store(schedule + 240, i32x4.splat(<i32>(((rows << 2) + 9) << 3)))
        compress4()
      }
    }
    end4(dst + (i << 5))
  }
}

/** A level of the tree: dst[i] = H(0x01 | src[2 i] | src[2 i + 1]), i < n, those from, ..., to - 1. src is not dst. */
export function sha256Nodes(dst: usize, src: usize, n: usize, from: usize, to: usize): void {
  let i = from
  for (; i + 4 <= to; i += 4) nodes4(dst + (i << 5), src + (i << 6))
  for (; i < to; i++) {
    memory.copy(schedule + 257, src + (i << 6), 64)
    store<u8>(schedule + 256, 1)
    sha256(dst + (i << 5), schedule + 256, 65)
  }
}

function nodes4(dst: usize, src: usize): void {
  begin4()
  let previous = i32x4.splat(1)
  for (let k: usize = 0; k < 64; k += 4) {
    let word = v128.load_splat<u32>(src + k)
    word = i32x4.replace_lane(word, 1, load<u32>(src + k, 64))
    word = i32x4.replace_lane(word, 2, load<u32>(src + k, 128))
    word = i32x4.replace_lane(word, 3, load<u32>(src + k, 192))
    word = bswap4(word)
    v128.store(schedule + (k << 2), v128.or(i32x4.shl(previous, 24), i32x4.shr_u(word, 8)))
    previous = word
  }
  compress4()
  memory.fill(schedule, 0, 256)
  v128.store(schedule, v128.or(i32x4.shl(previous, 24), i32x4.splat(0x800000)))
  v128.store(schedule + 240, i32x4.splat(520))
  compress4()
  end4(dst)
}

// @ts-ignore: decorator
@inline
function bswap4(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
}

function begin4(): void {
  for (let i: usize = 0; i < 8; i++) {
    v128.store(state + (i << 4), v128.load_splat<u32>(changetype<usize>(INITIAL) + (i << 2)))
  }
}

/** The four digests, one after the other. */
function end4(dst: usize): void {
  for (let i: usize = 0; i < 8; i++) {
    const at = dst + (i << 2)
    const word = bswap4(v128.load(state + (i << 4)))
    store<u32>(at, i32x4.extract_lane(word, 0))
    store<u32>(at, i32x4.extract_lane(word, 1), 32)
    store<u32>(at, i32x4.extract_lane(word, 2), 64)
    store<u32>(at, i32x4.extract_lane(word, 3), 96)
  }
}

// @ts-ignore: decorator
@inline
function rotr4(x: v128, by: i32): v128 {
  return v128.or(i32x4.shr_u(x, by), i32x4.shl(x, 32 - by))
}
// @ts-ignore: decorator
@inline
function xor3(a: v128, b: v128, c: v128): v128 {
  return v128.xor(v128.xor(a, b), c)
}
/** h + Sigma1(e) + Ch(e, f, g) + K_t + W_t. */
// @ts-ignore: decorator
@inline
function temporary(e: v128, f: v128, g: v128, h: v128, t: usize): v128 {
  const kw = i32x4.add(v128.load_splat<u32>(changetype<usize>(K) + (t << 2)), v128.load(schedule + (t << 4)))
  const ch = v128.bitselect(f, g, e)
  return i32x4.add(i32x4.add(h, kw), i32x4.add(ch, xor3(rotr4(e, 6), rotr4(e, 11), rotr4(e, 25))))
}
/** Sigma0(a) + Maj(a, b, c). */
// @ts-ignore: decorator
@inline
function mixed(a: v128, b: v128, c: v128): v128 {
  return i32x4.add(xor3(rotr4(a, 2), rotr4(a, 13), rotr4(a, 22)), v128.bitselect(c, a, v128.xor(a, b)))
}

/** Of the 16 words at schedule. Eight rounds a step, with the eight variables renamed instead of moved. */
function compress4(): void {
  for (let at = schedule + 256; at < schedule + 1024; at += 16) {
    const x = v128.load(at - 240), y = v128.load(at - 32)
    const s0 = xor3(rotr4(x, 7), rotr4(x, 18), i32x4.shr_u(x, 3))
    const s1 = xor3(rotr4(y, 17), rotr4(y, 19), i32x4.shr_u(y, 10))
    v128.store(at, i32x4.add(i32x4.add(v128.load(at - 256), v128.load(at - 112)), i32x4.add(s0, s1)))
  }
  let a = v128.load(state), b = v128.load(state, 16), c = v128.load(state, 32), d = v128.load(state, 48)
  let e = v128.load(state, 64), f = v128.load(state, 80), g = v128.load(state, 96), h = v128.load(state, 112)
  for (let t: usize = 0; t < 64; t += 8) {
    h = temporary(e, f, g, h, t); d = i32x4.add(d, h); h = i32x4.add(h, mixed(a, b, c))
    g = temporary(d, e, f, g, t + 1); c = i32x4.add(c, g); g = i32x4.add(g, mixed(h, a, b))
    f = temporary(c, d, e, f, t + 2); b = i32x4.add(b, f); f = i32x4.add(f, mixed(g, h, a))
    e = temporary(b, c, d, e, t + 3); a = i32x4.add(a, e); e = i32x4.add(e, mixed(f, g, h))
    d = temporary(a, b, c, d, t + 4); h = i32x4.add(h, d); d = i32x4.add(d, mixed(e, f, g))
    c = temporary(h, a, b, c, t + 5); g = i32x4.add(g, c); c = i32x4.add(c, mixed(d, e, f))
    b = temporary(g, h, a, b, t + 6); f = i32x4.add(f, b); b = i32x4.add(b, mixed(c, d, e))
    a = temporary(f, g, h, a, t + 7); e = i32x4.add(e, a); a = i32x4.add(a, mixed(b, c, d))
  }
  v128.store(state, i32x4.add(v128.load(state), a)); v128.store(state, i32x4.add(v128.load(state, 16), b), 16)
  v128.store(state, i32x4.add(v128.load(state, 32), c), 32); v128.store(state, i32x4.add(v128.load(state, 48), d), 48)
  v128.store(state, i32x4.add(v128.load(state, 64), e), 64); v128.store(state, i32x4.add(v128.load(state, 80), f), 80)
  v128.store(state, i32x4.add(v128.load(state, 96), g), 96); v128.store(state, i32x4.add(v128.load(state, 112), h), 112)
}
