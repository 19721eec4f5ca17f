import { EngineError, type EngineErrorCode } from './languageEngine.ts'

/** HTTP status and type of each error of the API (docs/inference.md, API). The keys are the closed list. */
const ERRORS = {
  invalid_json: [400, 'invalid_request_error'],
  invalid_value: [400, 'invalid_request_error'],
  unknown_parameter: [400, 'invalid_request_error'],
  unsupported_parameter: [400, 'invalid_request_error'],
  context_length_exceeded: [400, 'invalid_request_error'],
  invalid_schema: [400, 'invalid_request_error'],
  seal_invalid: [400, 'invalid_request_error'],
  nonce_required: [400, 'invalid_request_error'],
  model_not_found: [404, 'invalid_request_error'],
  unknown_url: [404, 'invalid_request_error'],
  not_found: [404, 'invalid_request_error'],
  method_not_allowed: [405, 'invalid_request_error'],
  nonce_used: [409, 'invalid_request_error'],
  length_required: [411, 'invalid_request_error'],
  request_too_large: [413, 'invalid_request_error'],
  unsupported_media_type: [415, 'invalid_request_error'],
  wrong_enclave: [421, 'invalid_request_error'],
  queue_full: [429, 'rate_limit_error'],
  engine_failed: [500, 'server_error'],
  internal_error: [500, 'server_error'],
  invalid_output: [500, 'server_error'],
  not_ready: [503, 'server_error'],
  nonces_exhausted: [503, 'server_error'],
} as const

export type ApiCode = keyof typeof ERRORS

/** The codes as data, in the order of docs/inference.md. */
export const API_CODES: readonly ApiCode[] = Object.keys(ERRORS) as ApiCode[]

/** What OpenAI's clients read of an error. */
export type ErrorBody = { error: { message: string; type: string; param: string | null; code: ApiCode } }

/** An error of the API: `param` is the parameter that it is about, as the request names it. */
export class ApiError extends Error {
  readonly code: ApiCode
  readonly param: string | null

  constructor(code: ApiCode, message: string, param: string | null = null, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.param = param
  }
}

/** Status and body of anything thrown. What is no error of the API is told as `internal_error`, without details. */
export function apiAnswer(thrown: unknown): { status: number; body: ErrorBody } {
  const { code, message, param } = apiErrorOf(thrown)
  const [status, type] = ERRORS[code]
  return { status, body: { error: { message, type, param, code } } }
}

const OF_ENGINE: Record<EngineErrorCode, ApiCode> = {
  'context-length-exceeded': 'context_length_exceeded',
  'invalid-prompt': 'invalid_value',
  'unsupported-model': 'unsupported_parameter',
  'invalid-schema': 'invalid_schema',
  'queue-full': 'queue_full',
  'engine-failed': 'engine_failed',
}

/** Not about a parameter. */
const OF_NONE: ApiCode[] = ['queue_full', 'engine_failed']

/** Anything thrown as an error of the API; `param` is what the engine was asked by. */
export function apiErrorOf(thrown: unknown, param: string | null = null): ApiError {
  if (thrown instanceof ApiError) return thrown
  if (thrown instanceof EngineError) {
    const code = OF_ENGINE[thrown.code]
    return new ApiError(code, thrown.message, OF_NONE.includes(code) ? null : param, thrown)
  }
  return new ApiError('internal_error', 'the enclave failed', null, thrown)
}
