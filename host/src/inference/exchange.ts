import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { answerHeaders, type Headers } from './calls.ts'

/** Somebody who takes nothing for so long is gone. */
const STALL_MS = 60_000

/**
 * Sends a request with its body and resolves with the head of the answer, as soon as it is there: the body may still be
 * on its way. Rejects with what broke the connection; the signal destroys it, whenever it comes.
 */
export async function headOf(
  request: ClientRequest,
  body: Readable | Uint8Array | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const stop = () => request.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  request.once('close', () => signal.removeEventListener('abort', stop))
  request.on('response', resolve).on('error', reject)
  request.once('close', () => reject(new Error('the connection ended without an answer')))
  if (signal.aborted) stop()
  else if (body === undefined || body instanceof Uint8Array) request.end(body)
  else
    copy(body, request).then(
      () => request.end(),
      error => request.destroy(error),
    )
  return promise
}

/**
 * Passes an answer on byte for byte, as fast as it is taken. `see` sees every piece. Rejects when either side breaks
 * off, and then cuts the other off, so that what is incomplete never looks whole.
 */
export async function passOn(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  { headers = {}, see }: { headers?: Headers; see?: (piece: Uint8Array) => void } = {},
): Promise<void> {
  try {
    outgoing.writeHead(answer.statusCode ?? 502, { ...answerHeaders(answer.headers), ...headers })
    outgoing.flushHeaders()
    await copy(answer, outgoing, see)
    outgoing.end()
    await finished(outgoing)
  } catch (error) {
    answer.destroy()
    outgoing.destroy()
    throw error
  }
}

/** All of an answer that is short. @throws Error when it is longer than `max` */
export async function bodyOf(answer: Readable, max: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    size += piece.length
    // Leaving the loop destroys the stream.
    if (size > max) throw new Error(`longer than ${max} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces, size)
}

/** A signal that says that the client is gone before its answer was complete. */
export function goneSignal(outgoing: ServerResponse): AbortSignal {
  const gone = new AbortController()
  const look = () => {
    if (!outgoing.writableFinished) gone.abort(new Error('the client is gone'))
  }
  if (outgoing.destroyed) look()
  outgoing.once('close', look)
  return gone.signal
}

async function copy(from: Readable, to: Writable, see?: (piece: Uint8Array) => void): Promise<void> {
  for await (const piece of from as AsyncIterable<Buffer>) {
    if (to.destroyed) throw new Error('the other side ended')
    see?.(piece)
    if (!to.write(piece)) await drained(to)
  }
}

async function drained(to: Writable): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const ended = () => reject(new Error('the other side ended'))
  const late = setTimeout(() => reject(new Error(`nothing was taken for ${STALL_MS} ms`)), STALL_MS)
  to.once('drain', resolve).once('close', ended)
  if (to.destroyed) ended()
  await promise.finally(() => {
    clearTimeout(late)
    to.off('drain', resolve).off('close', ended)
  })
}
