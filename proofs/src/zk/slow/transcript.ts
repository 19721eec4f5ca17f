import { ascii, H, u8, u32 } from './bytes.ts'
import { type K, P } from './field.ts'

/** A step of the transcript: what it was, how many bytes or elements, and S afterwards. */
export type Step = { step: 'absorb' | 'challenge'; label: string; length: number; state: Uint8Array }

export type Transcript = {
  absorb: (label: string, data: Uint8Array) => void
  /** `count` elements of K. */
  challenge: (label: string, count: number) => K[]
  /** As many numbers as `below` has entries, each below its power of two. */
  positions: (label: string, below: readonly number[]) => number[]
  log: Step[]
}

/** The chain of SHA-256 of docs/zk-soundness.md, section 3, with a log of its steps. */
export function createTranscript(): Transcript {
  let state = H(u8(0x10), ascii('nacre.zk.1'))
  const log: Step[] = []
  const move = (step: Step['step'], label: string, length: number, next: Uint8Array): void => {
    state = next
    log.push({ step, label, length, state })
  }
  const ask = (label: string, length: number): (() => number) => {
    move('challenge', label, length, H(u8(0x12), state, u8(label.length), ascii(label)))
    return wordsOf(state)
  }
  return {
    log,
    absorb(label, data) {
      const next = H(u8(0x11), state, u8(label.length), ascii(label), u32(data.length), data)
      move('absorb', label, data.length, next)
    },
    challenge(label, count) {
      const word = ask(label, count)
      return Array.from(
        { length: count },
        () => [drawF(word), drawF(word), drawF(word), drawF(word)] as const,
      )
    },
    positions(label, below) {
      const word = ask(label, below.length)
      return below.map(n => word() % n)
    },
  }
}

/** The words of H(0x13 ‖ S ‖ i), i = 0, 1, ... */
function wordsOf(state: Uint8Array): () => number {
  const words: number[] = []
  let block = 0
  return () => {
    if (words.length === 0) {
      const bytes = H(u8(0x13), state, u32(block++))
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      for (let i = 0; i < 8; i++) words.push(view.getUint32(i * 4, true))
    }
    return words.shift()!
  }
}

/** The next word below p, without its top bit. */
function drawF(word: () => number): bigint {
  for (;;) {
    const value = BigInt(word() & 0x7fffffff)
    if (value < P) return value
  }
}
