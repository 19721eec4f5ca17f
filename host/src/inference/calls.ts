import type { IncomingHttpHeaders } from 'node:http'

/** Calls of the OpenAI API that have a body: docs/inference.md, API. */
export const POSTS = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings'] as const

export const SEALED = 'application/vnd.nacre.sealed'

/** What a sealed body is longer by than what is in it: version, encapsulated key and tag. */
export const SEAL_OVERHEAD = 1 + 32 + 16

/** Headers that go to the enclave, and those that come from it: no other passes a host. */
const REQUEST_HEADERS = ['content-type', 'x-nacre-nonce', 'x-nacre-enclave', 'x-nacre-model'] as const
const ANSWER_HEADERS = ['content-type', 'x-nacre-receipt', 'retry-after'] as const

export type Headers = Record<string, string>

/** Of a request: authorization and cookies are the host's business, and end here. */
export function requestHeaders(headers: IncomingHttpHeaders): Headers {
  return pick(headers, REQUEST_HEADERS)
}

/** Of an answer, with its length where it has one: otherwise it goes on in chunks. */
export function answerHeaders(headers: IncomingHttpHeaders): Headers {
  return pick(headers, [...ANSWER_HEADERS, 'content-length'])
}

/** Whether the body is for the enclave alone. */
export function isSealed(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase() === SEALED
}

function pick(headers: IncomingHttpHeaders, names: readonly string[]): Headers {
  const picked: Headers = {}
  for (const name of names) {
    const value = headers[name]
    if (typeof value === 'string') picked[name] = value
  }
  return picked
}
