/** The Fiat–Shamir transcript: one chain of SHA-256 (docs/zk-soundness.md, section 3). */
import { sha256 } from '@noble/hashes/sha2.js'
import { P } from '../graph/limits.ts'
import type { K } from './field.ts'

const INIT = 0x10
const ABSORB = 0x11
const CHALLENGE = 0x12
const BLOCK = 0x13
const PROTOCOL = 'nacre.zk.1'
const BLOCK_WORDS = 8

/** What a challenge draws, in order; words that nobody draws are dropped. */
export type Draw = {
  /** A uniform element of K. */
  element(): K
  /** So many elements of K. */
  point(length: number): K[]
  /** A uniform number below n, a power of two. */
  position(n: number): number
}

/** What happened to a transcript, for tests: a label and the data absorbed, or the label of a challenge. */
export type TranscriptEvent = { absorb: string; data: Uint8Array } | { challenge: string }

export type Transcript = {
  absorb(label: string, data: Uint8Array): void
  challenge(label: string): Draw
}

/** @param log is told of every step, for tests */
export function createTranscript(log?: (event: TranscriptEvent) => void): Transcript {
  let state = sha256(join([INIT], ascii(PROTOCOL)))
  return {
    absorb(label, data) {
      log?.({ absorb: label, data })
      state = sha256(join([ABSORB], state, [label.length], ascii(label), u32(data.length), data))
    },
    challenge(label) {
      log?.({ challenge: label })
      state = sha256(join([CHALLENGE], state, [label.length], ascii(label)))
      return drawFrom(state)
    },
  }
}

function drawFrom(state: Uint8Array): Draw {
  const nextWord = wordsOf(state)
  // Whole multiples of p in 31 bits: one. A word at or above p is skipped, so that none is likelier than another.
  const nextF = (): number => {
    for (;;) {
      const candidate = nextWord() & 0x7fffffff
      if (candidate < P) return candidate
    }
  }
  const element = (): K => [nextF(), nextF(), nextF(), nextF()]
  return {
    element,
    point: length => Array.from({ length }, element),
    position: n => nextWord() & (n - 1),
  }
}

function wordsOf(state: Uint8Array): () => number {
  let block = new DataView(new ArrayBuffer(0))
  let used = 0
  return () => {
    const [index, word] = [Math.floor(used / BLOCK_WORDS), used % BLOCK_WORDS]
    if (word === 0) block = new DataView(sha256(join([BLOCK], state, u32(index))).buffer)
    used++
    return block.getUint32(4 * word, true)
  }
}

function join(...parts: ArrayLike<number>[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

function ascii(text: string): number[] {
  return Array.from(text, character => character.charCodeAt(0))
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}
