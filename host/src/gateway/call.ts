import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import { request as requestHttps } from 'node:https'
import { type Headers, requestHeaders } from '../inference/calls.ts'
import { headOf } from '../inference/exchange.ts'
import type { Backend } from './backend.ts'

/** A client's call while it is answered. */
export type Call = {
  incoming: IncomingMessage
  outgoing: ServerResponse
  /** Its path and query. */
  path: string
  /** Set when the client is gone. */
  gone: AbortSignal
}

export type SendOptions = {
  silenceMs: number
  body?: IncomingMessage | Uint8Array
  length?: number
}

/**
 * Sends a call to an enclave's operator and resolves with the head of its answer. Rejects when there is none: nobody
 * listens, it broke off or stayed silent, or the enclave serves no more. Calls that have a head are not touched by that.
 * A connection a call: an idle one might end while it is sent, and a sealed body cannot be sent twice.
 */
export async function sendTo(
  { url, gone: left }: Backend,
  { incoming, path, gone }: Call,
  { silenceMs, body, length }: SendOptions,
): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp
  const headers: Headers = {
    ...requestHeaders(incoming.headers),
    ...(length !== undefined && { 'content-length': String(length) }),
  }
  const { method = 'GET' } = incoming
  const sent = request(`${url}${path}`, { method, headers, agent: false })
  sent.setTimeout(silenceMs, () => sent.destroy(new Error(`nothing came for ${silenceMs} ms`)))
  const leave = () => sent.destroy(new Error('the enclave serves no more'))
  // However much comes: who sends a head piece by piece would keep the call and its body for ever.
  const late = setTimeout(() => sent.destroy(new Error(`no answer in ${silenceMs} ms`)), silenceMs)
  left.addEventListener('abort', leave, { once: true })
  try {
    return await headOf(sent, body, gone)
  } finally {
    clearTimeout(late)
    left.removeEventListener('abort', leave)
  }
}
