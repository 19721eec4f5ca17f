/**
 * Messages for which Sha384.sol would be wrong without one of its masks, though right for nearly all others.
 *
 * A rotation of two lanes at once leaves bits of both words in the 64 bits above lane B. If one such term of a sum were
 * not masked, lane B's carry would still end there, unless all 64 bits are ones: once in 2^64 by chance. But they are
 * linear in the words that are rotated, and whoever writes a message chooses the words of its first rounds. These
 * messages do, in the first blocks of both lanes, sixteen times each: for every copy of the rotation in the code.
 */
import { INITIAL, K, sha384Midstate } from '@nacre/sdk/attest/midstate'
import { concat } from '@nacre/verify'

/** A 64-bit word of lane A above one of lane B, in the 128 bits of a vector over GF(2). */
type Pair = bigint
type Rotation = { rotate: bigint[]; shift?: bigint }

const SIGMA1: Rotation = { rotate: [14n, 18n, 41n] }
const SIGMA0: Rotation = { rotate: [28n, 34n, 39n] }
const SCHEDULE0: Rotation = { rotate: [1n, 8n], shift: 7n }
const SCHEDULE1: Rotation = { rotate: [19n, 61n], shift: 6n }
const ONES = (1n << 64n) - 1n
/** Odd, and half of its bits ones. */
const MIXER = 0x9e3779b97f4a7c15n

/**
 * Messages of four blocks; the name says which rotation fills the bits above lane B. Three of each: the rest of a sum
 * must also carry, and one in 24 sums of the schedule does not.
 */
export function laneCarries(): [string, Uint8Array][] {
  return [0, 1, 2].flatMap((set): [string, Uint8Array][] => [
    ['Sigma1(e)', messageOf(pairs(SIGMA1, set), (words, state) => steer(words, state, 'e'))],
    ['Sigma0(a)', messageOf(pairs(SIGMA0, set), (words, state) => steer(words, state, 'a'))],
    ['sigma0(W[t-15])', messageOf(pairs(SCHEDULE0, set), words => scheduleBefore(words, 1))],
    ['sigma1(W[t-2])', messageOf(pairs(SCHEDULE1, set), words => scheduleBefore(words, 14))],
  ])
}

/** Blocks 0 and 2 are what lanes A and B begin with. */
function messageOf(chosen: Pair[], blockOf: (words: bigint[], state: bigint[]) => bigint[]): Uint8Array {
  const ofLaneA = chosen.map(pair => pair >> 64n)
  const firstHalf = concat(bytesOf(blockOf(ofLaneA, INITIAL)), new Uint8Array(128))
  const midstate = wordsOf(sha384Midstate(concat(firstHalf, new Uint8Array(128))))
  return concat(firstHalf, bytesOf(blockOf(chosen.map(word), midstate)))
}

/** The block whose rounds make these words the sixteen next values of e, or of a. */
function steer(targets: bigint[], state: bigint[], which: 'a' | 'e'): bigint[] {
  let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  return targets.map((target, t) => {
    const t1 = h + rotation(SIGMA1, e) + ((e & f) ^ (~e & g)) + K[t]!
    const t2 = rotation(SIGMA0, a) + ((a & b) ^ (a & c) ^ (b & c))
    const w = word(which === 'e' ? target - d - t1 : target - t1 - t2)
    ;[a, b, c, d, e, f, g, h] = [word(t1 + w + t2), a, b, c, word(d + t1 + w), e, f, g]
    return w
  })
}

/** The block of whose schedule these sixteen words are W[first..first+15]. */
function scheduleBefore(words: bigint[], first: number): bigint[] {
  const w = [...new Array<bigint>(first).fill(0n), ...words]
  for (let t = first + 15; t >= 16; t--)
    w[t - 16] = word(w[t]! - rotation(SCHEDULE1, w[t - 2]!) - w[t - 7]! - rotation(SCHEDULE0, w[t - 15]!))
  return w.slice(0, 16)
}

/** Sixteen pairs for which all bits above lane B are ones: a solution, and a different part of the kernel each. */
function pairs(of: Rotation, set: number): Pair[] {
  const { solution, kernel } = solve(pair => aboveLaneB(of, pair), ONES)
  return Array.from({ length: 16 }, (_, i) => {
    const part = BigInt(16 * set + i + 1) * MIXER
    return kernel.reduce((pair, vector, j) => ((part >> BigInt(j)) & 1n ? pair ^ vector : pair), solution)
  })
}

/** What the code's shifts of two lanes at once leave in the 64 bits above lane B. */
function aboveLaneB({ rotate, shift }: Rotation, pair: Pair): bigint {
  const clean = ((pair >> 64n) << 128n) | word(pair)
  const doubled = clean * ((1n << 64n) + 1n)
  const sum = rotate.reduce((x, by) => x ^ (doubled >> by), shift === undefined ? 0n : clean >> shift)
  return word(sum >> 64n)
}

/** Of a linear function of 128 bits: where it has this value, and what it takes to zero. */
function solve(image: (vector: bigint) => bigint, value: bigint): { solution: bigint; kernel: bigint[] } {
  const pivots: { vector: bigint; image: bigint }[] = []
  const reduce = (vector: bigint, rest: bigint) => {
    for (const pivot of pivots) {
      const smaller = rest ^ pivot.image
      if (smaller < rest) [vector, rest] = [vector ^ pivot.vector, smaller]
    }
    return { vector, image: rest }
  }
  const kernel: bigint[] = []
  for (let bit = 0n; bit < 128n; bit++) {
    const reduced = reduce(1n << bit, image(1n << bit))
    if (reduced.image === 0n) kernel.push(reduced.vector)
    else pivots.push(reduced)
    pivots.sort((x, y) => (x.image > y.image ? -1 : 1))
  }
  const { vector, image: rest } = reduce(0n, value)
  if (rest !== 0n) throw new Error('no two words have these bits')
  return { solution: vector, kernel }
}

function rotation({ rotate, shift }: Rotation, x: bigint): bigint {
  return rotate.reduce(
    (sum, by) => sum ^ (x >> by) ^ word(x << (64n - by)),
    shift === undefined ? 0n : x >> shift,
  )
}

function word(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

function bytesOf(words: bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * words.length))
  words.forEach((value, i) => {
    view.setBigUint64(8 * i, value)
  })
  return new Uint8Array(view.buffer)
}

function wordsOf(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(8 * i))
}
