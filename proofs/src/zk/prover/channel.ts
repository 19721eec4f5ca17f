/** What the prover says: every message goes into the proof and, before the next challenge, into the transcript. */
import type { Layout } from '../graph/graph.ts'
import type { Engine } from './engine.ts'
import type { K } from './field.ts'
import { Transcript } from './transcript.ts'

const MAGIC = [0x4e, 0x5a, 0x4b, 0x50] // "NZKP"
const VERSION = 1

export class Channel {
  readonly transcript: Transcript
  readonly #proof: Uint8Array
  readonly #view: DataView
  #length = 0

  constructor(engine: Engine, { mode, batch, proofSize }: Layout) {
    this.transcript = new Transcript(engine)
    this.#proof = new Uint8Array(proofSize)
    this.#view = new DataView(this.#proof.buffer)
    this.write(Uint8Array.of(...MAGIC, VERSION, mode, 0, 0))
    this.#view.setUint32(8, batch, true)
    this.#length = 12
  }

  /** Bytes that no challenge depends on. */
  write(bytes: Uint8Array): void {
    this.#proof.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** A message of bytes. */
  sendBytes(label: string, bytes: Uint8Array): void {
    this.write(bytes)
    this.transcript.absorb(label, bytes)
  }

  /** A message of elements of K (section 3: c0, c1, c2, c3, each u32). */
  send(label: string, ...elements: readonly K[]): void {
    const from = this.#length
    for (const k of elements) {
      for (const c of k) {
        this.#view.setUint32(this.#length, c, true)
        this.#length += 4
      }
    }
    this.transcript.absorb(label, this.#proof.subarray(from, this.#length))
  }

  element(label: string): K {
    return this.transcript.challenge(label).element()
  }

  /** The whole proof. */
  finish(): Uint8Array {
    if (this.#length !== this.#proof.length)
      throw new Error(`a proof of ${this.#length} bytes, its layout says ${this.#proof.length}`)
    return this.#proof
  }
}

/** What every step needs. */
export type Prover = { engine: Engine; channel: Channel }
