/** The Fiat–Shamir transcript: one chain of SHA-256 (docs/zk-soundness.md, section 3). */
import { utf8 } from '@nacre/verify/bytes'
import { P } from '../graph/limits.ts'
import type { K } from './field.ts'
import { sha256 } from './sha256.ts'

const INIT = Uint8Array.of(0x10)
const ABSORB = Uint8Array.of(0x11)
const CHALLENGE = Uint8Array.of(0x12)
const BLOCK = Uint8Array.of(0x13)
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

/** A step of a transcript, and S after it. */
export type TranscriptEvent = { state: Uint8Array } & (
  | { absorb: string; data: Uint8Array }
  | { challenge: string }
)

export type Transcript = {
  absorb(label: string, data: Uint8Array): void
  challenge(label: string): Draw
}

/** @param log is told of every step */
export function createTranscript(log?: (event: TranscriptEvent) => void): Transcript {
  let state = sha256(INIT, utf8(PROTOCOL))
  return {
    absorb(label, data) {
      state = sha256(ABSORB, state, labelBytes(label), u32(data.length), data)
      log?.({ absorb: label, data, state })
    },
    challenge(label) {
      state = sha256(CHALLENGE, state, labelBytes(label))
      log?.({ challenge: label, state })
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
  let block: DataView = new DataView(new ArrayBuffer(0))
  let used = 0
  return () => {
    const [index, word] = [Math.floor(used / BLOCK_WORDS), used % BLOCK_WORDS]
    if (word === 0) block = new DataView(sha256(BLOCK, state, u32(index)).buffer)
    used++
    return block.getUint32(4 * word, true)
  }
}

/** The length in one byte, and the ASCII. */
function labelBytes(label: string): Uint8Array {
  return utf8(String.fromCharCode(label.length) + label)
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}
