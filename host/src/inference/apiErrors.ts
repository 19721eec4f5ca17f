import type { ServerResponse } from 'node:http'

/** What a host adds to the codes of docs/inference.md, and those of them that it says itself. */
const STATUS = {
  invalid_json: 400,
  invalid_value: 400,
  invalid_api_key: 401,
  model_not_found: 404,
  unknown_url: 404,
  not_found: 404,
  method_not_allowed: 405,
  length_required: 411,
  request_too_large: 413,
  internal_error: 500,
  not_ready: 503,
  no_enclave: 503,
  enclave_gone: 503,
  too_busy: 503,
} as const

export type ApiErrorCode = keyof typeof STATUS

/** The codes as data, for the documents' test. */
export const API_ERROR_CODES: readonly ApiErrorCode[] = Object.keys(STATUS) as ApiErrorCode[]

/** What a client of the OpenAI API is told. Its message never quotes a body. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ApiErrorCode
  readonly status: (typeof STATUS)[ApiErrorCode]
  /** Seconds after which it is worth another try. */
  readonly retryAfterS: number | undefined

  constructor(code: ApiErrorCode, message: string, { retryAfterS }: { retryAfterS?: number } = {}) {
    super(message)
    this.code = code
    this.status = STATUS[code]
    this.retryAfterS = retryAfterS ?? (this.status === 503 ? 1 : undefined)
  }

  /** The body, in OpenAI's form. */
  toJSON(): object {
    const { message, code, status } = this
    const type = status >= 500 ? 'server_error' : 'invalid_request_error'
    return { error: { message, type, param: null, code } }
  }
}

/** Answers with an error, unless the answer has begun: then it is cut off, which the client sees. */
export function sayError(outgoing: ServerResponse, error: ApiError): void {
  if (outgoing.destroyed) return
  if (outgoing.headersSent) return void outgoing.destroy()
  const body = JSON.stringify(error)
  const retry = error.retryAfterS === undefined ? {} : { 'retry-after': String(error.retryAfterS) }
  outgoing
    .writeHead(error.status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...retry,
    })
    .end(body)
}
