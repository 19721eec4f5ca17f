import type { ServerResponse } from 'node:http'
import type { OpenedRequest } from '@nacre/verify/seal'
import type { AnswerHead } from '@nacre/verify/sealedHead'
import { SEND_LIMIT_MS } from './limits.ts'

/** Where the bytes of an answer go: to a client as they are, or sealed to it. */
export type Outlet = {
  /** Begins the answer. Its length, where it is known, is for answers in the clear. */
  open(head: AnswerHead, length?: number): void
  /** Settles when there is room for more. @throws Gone */
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
  /** Aborted when nobody takes the rest: the client went away, or did not read. */
  gone: AbortSignal
  opened(): boolean
}

/** Bytes that are written before they are waited for. */
const PIECE = 65_536

/** The client went away, or read nothing for too long. */
export class Gone extends Error {}

export function plainOutlet(response: ServerResponse, limitMs: number = SEND_LIMIT_MS): Outlet {
  const gone = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort(new Gone('the client went away'))
  })
  response.on('error', () => gone.abort(new Gone('the client went away')))
  return {
    gone: gone.signal,
    opened: () => response.headersSent,
    open({ status, headers }, length) {
      if (gone.signal.aborted) throw gone.signal.reason
      response.writeHead(status, { ...headers, ...(length !== undefined && { 'content-length': length }) })
    },
    async write(bytes) {
      if (gone.signal.aborted) throw gone.signal.reason
      // A piece at a time: who reads a long answer slowly is none who reads nothing.
      for (let at = 0; at < bytes.length; at += PIECE)
        if (!response.write(bytes.subarray(at, at + PIECE))) await drained(response, gone, limitMs)
    },
    async end() {
      if (gone.signal.aborted) return
      // What is left is little, and would keep its connection for ever if nobody read it.
      const late = setTimeout(() => response.destroy(), limitMs)
      response.once('close', () => clearTimeout(late))
      response.end()
    },
  }
}

async function drained(response: ServerResponse, gone: AbortController, limitMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const late = setTimeout(() => {
    gone.abort(new Gone(`the client read nothing for ${limitMs} ms`))
    response.destroy()
  }, limitMs)
  const onGone = () => reject(gone.signal.reason)
  response.once('drain', resolve)
  gone.signal.addEventListener('abort', onGone, { once: true })
  try {
    await promise
  } finally {
    clearTimeout(late)
    response.off('drain', resolve)
    gone.signal.removeEventListener('abort', onGone)
  }
}

/** Seals what goes to another outlet, whose own head says only that it is sealed. */
export function sealedOutlet(
  inner: Outlet,
  { sealAnswer }: Pick<OpenedRequest, 'sealAnswer'>,
  head: AnswerHead,
): Outlet {
  const pieces = createPieces()
  let isOpen = false
  let flowing: Promise<void> = Promise.resolve()
  const flow = async (chunks: AsyncGenerator<Uint8Array>) => {
    for await (const chunk of chunks) await inner.write(chunk)
    await inner.end()
  }
  return {
    gone: inner.gone,
    opened: () => isOpen,
    open(own) {
      isOpen = true
      inner.open(head)
      flowing = flow(sealAnswer(own, pieces.items()))
      // Told by the next write, or by the end.
      flowing.catch(() => pieces.fail())
    },
    async write(bytes) {
      if (inner.gone.aborted) throw inner.gone.reason
      if (bytes.length > 0) await Promise.race([pieces.push(bytes), flowing])
      if (inner.gone.aborted) throw inner.gone.reason
    },
    async end() {
      pieces.end()
      await flowing
    },
  }
}

type Pieces = {
  /** Settles when the piece before it was taken and it is the next. */
  push(bytes: Uint8Array): Promise<void>
  end(): void
  fail(): void
  items(): AsyncGenerator<Uint8Array>
}

/** One piece at a time, from a writer to a reader that waits for it. */
function createPieces(): Pieces {
  let waiting: { bytes: Uint8Array; taken: () => void }[] = []
  let ended = false
  let wake = () => {}
  const push = (bytes: Uint8Array) =>
    new Promise<void>(taken => {
      waiting.push({ bytes, taken })
      wake()
    })
  const stop = () => {
    ended = true
    wake()
  }
  return {
    push,
    end: stop,
    fail() {
      for (const { taken } of waiting) taken()
      waiting = []
      stop()
    },
    async *items() {
      for (;;) {
        const next = waiting.shift()
        if (next) {
          yield next.bytes
          // Asked for the one after it: this one is on its way.
          next.taken()
        } else if (ended) return
        else
          await new Promise<void>(resolve => {
            wake = resolve
          })
      }
    },
  }
}
