/** Errors that the enclave answers with, and whether the same call may succeed later. */
export const CHANNEL_ERRORS = {
  'unknown-route': false,
  'method-not-allowed': false,
  'length-required': false,
  'body-too-large': false,
  'malformed-json': false,
  'malformed-job': false,
  'unknown-artifact': false,
  'artifact-mismatch': false,
  'artifact-limit': false,
  'unsupported-model': false,
  'conflicting-job': false,
  'voucher-refused': false,
  'voucher-order': false,
  busy: true,
  'engine-stopped': false,
  'security-module': true,
  internal: true,
} as const

/** Errors of the way to the enclave. */
const CLIENT_ERRORS = { unreachable: true, timeout: true, 'malformed-response': false } as const

const FIXES: Record<keyof typeof CLIENT_ERRORS, string> = {
  unreachable: 'Check that the enclave runs; launch it again if it exited.',
  timeout: 'Try again; if it happens often, load fewer or smaller models.',
  'malformed-response': 'Use a host and an image of the same release.',
}

export type EnclaveErrorCode = keyof typeof CHANNEL_ERRORS | keyof typeof CLIENT_ERRORS

/** The codes as data: the enclave's, then this client's. */
export const ENCLAVE_CODES: readonly EnclaveErrorCode[] = [
  ...(Object.keys(CHANNEL_ERRORS) as EnclaveErrorCode[]),
  ...(Object.keys(CLIENT_ERRORS) as EnclaveErrorCode[]),
]

/** A call to an enclave that got no answer. `retryable`: the same call may succeed later. */
export class EnclaveError extends Error {
  override readonly name = 'EnclaveError'
  readonly code: EnclaveErrorCode
  readonly retryable: boolean
  readonly fix: string | undefined

  constructor(code: EnclaveErrorCode, message: string, options: { fix?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.retryable = { ...CHANNEL_ERRORS, ...CLIENT_ERRORS }[code]
    this.fix = options.fix ?? (FIXES as Record<string, string>)[code]
  }
}
