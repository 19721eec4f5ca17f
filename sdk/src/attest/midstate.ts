/** Bytes of a block, and of the hash value between blocks: FIPS 180-4, 1 and 5.3.4. */
const BLOCK = 128
const STATE = 64
const ROUNDS = 80
/** Bytes that padding adds at least: 0x80 and the length (5.1.2). */
const PADDING = 17

const PRIMES = firstPrimes(ROUNDS)
/** Round constants, 4.2.3: of the cube roots of the first 80 primes. */
export const K: bigint[] = PRIMES.map(prime => fractionOfRoot(prime, 3n))
/** The initial hash value, 5.3.4: of the square roots of the 9th to the 16th prime. */
export const INITIAL: bigint[] = PRIMES.slice(8, 16).map(prime => fractionOfRoot(prime, 2n))

/**
 * The hint of Sha384.sol: SHA-384's hash value, eight 64-bit words, big-endian, after the first floor(n / 2) of the n
 * blocks of the padded message. For n = 1, up to 111 bytes, that is the initial value. FIPS 180-4, 6.4 and 6.5; some
 * 2 ms a kilobyte.
 *
 * @returns 64 bytes
 */
export function sha384Midstate(message: Uint8Array): Uint8Array {
  const half = BLOCK * Math.floor(Math.ceil((message.length + PADDING) / BLOCK) / 2)
  // Of the padding only 0x80 and zeros can be in the first half: the length is in the last block.
  const padded = new Uint8Array(half)
  padded.set(message.subarray(0, half))
  if (message.length < half) padded[message.length] = 0x80

  let state = INITIAL
  for (let offset = 0; offset < half; offset += BLOCK)
    state = compress(state, new DataView(padded.buffer, offset, BLOCK))
  const midstate = new DataView(new ArrayBuffer(STATE))
  state.forEach((word, i) => {
    midstate.setBigUint64(8 * i, word)
  })
  return new Uint8Array(midstate.buffer)
}

/** 6.4.2 for one block. */
function compress(state: bigint[], block: DataView): bigint[] {
  const w = schedule(block)
  let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  for (let t = 0; t < ROUNDS; t++) {
    const sum1 = rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n)
    const t1 = h + sum1 + ((e & f) ^ (~e & g)) + K[t]! + w[t]!
    const sum0 = rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n)
    const t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c))
    ;[a, b, c, d, e, f, g, h] = [word(t1 + t2), a, b, c, word(d + t1), e, f, g]
  }
  return [a, b, c, d, e, f, g, h].map((value, i) => word(value + state[i]!))
}

function schedule(block: DataView): bigint[] {
  const w = Array.from({ length: 16 }, (_, i) => block.getBigUint64(8 * i))
  for (let t = 16; t < ROUNDS; t++) {
    const [x, y] = [w[t - 15]!, w[t - 2]!]
    const sigma0 = rotate(x, 1n) ^ rotate(x, 8n) ^ (x >> 7n)
    const sigma1 = rotate(y, 19n) ^ rotate(y, 61n) ^ (y >> 6n)
    w.push(word(sigma1 + w[t - 7]! + sigma0 + w[t - 16]!))
  }
  return w
}

function word(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

/** ROTR of 3.2. */
function rotate(x: bigint, by: bigint): bigint {
  return (x >> by) | word(x << (64n - by))
}

/** The first 64 bits behind the point of the root of a prime below 512. */
function fractionOfRoot(prime: bigint, degree: bigint): bigint {
  const radicand = prime << (64n * degree)
  let root = 0n
  for (let bit = 1n << 72n; bit > 0n; bit >>= 1n) if ((root + bit) ** degree <= radicand) root += bit
  return word(root)
}

function firstPrimes(count: number): bigint[] {
  const primes: bigint[] = []
  for (let n = 2n; primes.length < count; n++) if (primes.every(prime => n % prime !== 0n)) primes.push(n)
  return primes
}
