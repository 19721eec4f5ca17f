/**
 * Threads that share kernels: the memory is one, and each thread has an instance of the kernels over it. What a kernel
 * does is cut into chunks, which the threads and the caller (team.ts) take from a ticket: nobody waits for a thread that
 * is late.
 */
import { type Address, instantiate, type Memory, type Module, type RawKernels } from './wasm.ts'
import { runPart, SHARED_KERNELS } from './work.ts'

/**
 * A worker of node:worker_threads, or of a browser's page that is isolated from other origins. Its code calls `serve`
 * with each message that it gets. Whoever started it ends it, between proofs.
 */
export type Thread = { postMessage(message: unknown): void }

/** What a thread is sent: it works for one proof or commitment. */
export type Session = { module: Module; memory: Memory; control: SharedArrayBuffer; scratch: Address }

/** Words of the control block, the arguments last. */
export const CONTROL = {
  /** The job's number and, in the low byte, the chunks that nobody took yet; or STOP. */
  ticket: 0,
  done: 1,
  failed: 2,
  kernel: 3,
  items: 4,
  chunks: 5,
  /** Which argument is `out`, -1 if none: a chunk's sums go to a slot of its own. */
  out: 6,
  slots: 7,
  count: 8,
  arguments: 9,
} as const
export const CONTROL_WORDS = 24
export const STOP = -1
/** Bytes of a slot: three elements of K. */
export const SLOT = 48

/** Chunks begin at multiples of it: SHA-256 is of four messages abreast. */
const ALIGNMENT = 4
/** Looks at the ticket, about 0.1 ms, before a thread sleeps: to wake it takes longer than most pauses in a proof. */
const SPINS = 20_000

/** A thread's side: works until the session ends. Returns how many chunks it did. */
export function serve({ module, memory, control, scratch }: Session): number {
  const words = new Int32Array(control)
  const raw = instantiate(module, memory)
  raw.useScratch(scratch)
  let chunks = 0
  for (let spins = 0; ; spins++) {
    const ticket = Atomics.load(words, CONTROL.ticket)
    if (ticket === STOP) return chunks
    if (hasChunks(ticket)) chunks += takeChunks(words, raw)
    else if (spins > SPINS) Atomics.wait(words, CONTROL.ticket, ticket)
    else continue
    spins = 0
  }
}

/** Does chunks until none is left. Returns how many. */
export function takeChunks(words: Int32Array, raw: RawKernels): number {
  for (let chunks = 0; ; ) {
    const ticket = Atomics.load(words, CONTROL.ticket)
    if (!hasChunks(ticket)) return chunks
    // A job's words stay for as long as it has chunks; and that it had, the exchange says.
    const job = words.slice()
    if (Atomics.compareExchange(words, CONTROL.ticket, ticket, ticket - 1) !== ticket) continue
    try {
      runChunk(job, raw, (ticket & 0xff) - 1)
    } catch {
      Atomics.store(words, CONTROL.failed, 1)
    }
    Atomics.add(words, CONTROL.done, 1)
    chunks++
  }
}

function hasChunks(ticket: number): boolean {
  return ticket !== STOP && (ticket & 0xff) > 0
}

function runChunk(job: Int32Array, raw: RawKernels, chunk: number): void {
  const word = (name: keyof typeof CONTROL): number => job[CONTROL[name]]!
  const from = CONTROL.arguments
  const a = Array.from(job.subarray(from, from + word('count')))
  if (word('out') >= 0) a[word('out')] = word('slots') + SLOT * chunk
  const items = word('items')
  const border = (i: number): number =>
    Math.min(items, ALIGNMENT * Math.ceil((i * items) / (ALIGNMENT * word('chunks'))))
  runPart(raw, SHARED_KERNELS[word('kernel')]!, a, border(chunk), border(chunk + 1))
}
