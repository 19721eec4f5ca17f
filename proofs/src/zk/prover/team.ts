/** The caller's side of threads that share kernels. What comes out is the same with and without them. */
import { P } from './field.ts'
import { CONTROL, CONTROL_WORDS, type Session, SLOT, STOP, type Thread, takeChunks } from './threads.ts'
import type { Address, RawKernels, SharedKernel } from './wasm.ts'
import { runAlone, SHARED_KERNELS, WORK } from './work.ts'

/** Less work than this, in nanoseconds, is done alone: to share it costs about 10,000. */
const WORTH_SHARING = 25_000
const MAX_CHUNKS = 32
/** No chunk takes so long: a thread that somebody ended does not answer. */
const PATIENCE_MS = 30_000

/** What the engine gives: room for a slot a chunk, and for the hashes of each thread. */
export type Room = { slots: Address; scratch: Address[] }

export class Team {
  static readonly slotsSize: number = SLOT * MAX_CHUNKS
  readonly #threads: readonly Thread[]
  readonly #raw: RawKernels
  readonly #session: Pick<Session, 'module' | 'memory'>
  readonly #room: Room
  readonly #chunks: number
  #isOpen = false
  /** The control block, of a session that has begun. */
  #words: Int32Array | undefined
  #job = 0

  constructor(
    threads: readonly Thread[],
    raw: RawKernels,
    session: Pick<Session, 'module' | 'memory'>,
    room: Room,
  ) {
    this.#threads = threads
    this.#raw = raw
    this.#session = session
    this.#room = room
    this.#chunks = Math.min(MAX_CHUNKS, 2 * (threads.length + 1))
  }

  /** f's result; while it runs, threads share what is worth it. */
  together<T>(f: () => T): T {
    this.#isOpen = true
    try {
      return f()
    } finally {
      this.#isOpen = false
      this.#end()
    }
  }

  /** Runs a kernel. @param memory as it is now, in words */
  run(name: SharedKernel, a: number[], memory: Uint32Array): void {
    const [items, nanoseconds] = WORK[name].items(...a)
    if (!this.#isOpen || items * nanoseconds < WORTH_SHARING) {
      runAlone(this.#raw, name, a)
      return
    }
    this.#words ??= this.#begin()
    const words = this.#words
    this.#publish(words, name, a, items)
    takeChunks(words, this.#raw)
    this.#finish(words)
    this.#addSlots(name, a, memory)
  }

  /** Threads join when they are ready; nobody waits for them. */
  #begin(): Int32Array {
    const control = new SharedArrayBuffer(4 * CONTROL_WORDS)
    for (const [i, thread] of this.#threads.entries())
      thread.postMessage({ ...this.#session, control, scratch: this.#room.scratch[i]! } satisfies Session)
    return new Int32Array(control)
  }

  #end(): void {
    if (!this.#words) return
    Atomics.store(this.#words, CONTROL.ticket, STOP)
    Atomics.notify(this.#words, CONTROL.ticket)
    this.#words = undefined
  }

  #publish(words: Int32Array, name: SharedKernel, a: number[], items: number): void {
    const [out] = WORK[name].out ?? [-1]
    const kernel = SHARED_KERNELS.indexOf(name)
    words.set([0, 0, kernel, items, this.#chunks, out, this.#room.slots, a.length, ...a], CONTROL.done)
    // The ticket's low byte is the number of chunks, its sign is STOP's.
    this.#job = (this.#job + 1) & 0x7fffff
    Atomics.store(words, CONTROL.ticket, (this.#job << 8) | this.#chunks)
    Atomics.notify(words, CONTROL.ticket)
  }

  /** At most until the chunks that others took are done; a page's main thread may not sleep. */
  #finish(words: Int32Array): void {
    const until = performance.now() + PATIENCE_MS
    while (Atomics.load(words, CONTROL.done) < this.#chunks)
      if (performance.now() > until) throw new Error('a thread of the prover does not answer')
    if (Atomics.load(words, CONTROL.failed) !== 0) throw new Error('a thread of the prover failed')
  }

  /** Every chunk's sums, added modulo p. */
  #addSlots(name: SharedKernel, a: number[], memory: Uint32Array): void {
    const [argument, sums] = WORK[name].out ?? [0, 0]
    for (let word = 0; word < 4 * sums; word++) {
      let sum = 0
      for (let chunk = 0; chunk < this.#chunks; chunk++)
        sum += memory[(this.#room.slots + SLOT * chunk) / 4 + word]!
      memory[a[argument]! / 4 + word] = sum % P
    }
  }
}
