/** Everything that can go wrong in a host service; docs/operating.md says what each means and how to recover. */
export const ERROR_CODES = [
  'CONFIG_INVALID',
  'KEYSTORE_INVALID',
  'PASSWORD_WRONG',
  'STATE_IN_USE',
  'PORT_IN_USE',
  'BINARY_MISSING',
  'PROCESS_FAILED',
  'DATABASE_UNAVAILABLE',
  'MIGRATION_MISMATCH',
  'GENESIS_MISMATCH',
  'DEPLOYMENT_MISMATCH',
  'CHAIN_UNAVAILABLE',
  'TRANSACTION_REVERTED',
  'RELEASE_NOT_LISTED',
  'EVIDENCE_REJECTED',
  'VERIFIERS_UNAVAILABLE',
  'TEE_UNAVAILABLE',
  'ENCLAVE_UNAVAILABLE',
  'ANSWER_INVALID',
  'PROOF_FAILED',
  'BAD_REQUEST',
  'PAYMENT_REQUIRED',
  'BODY_TOO_LARGE',
  'TOO_BUSY',
  'NOT_FOUND',
  'INTERNAL',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** `paid`: it cost gas, and trying again may cost as much. */
export type ErrorOptions = { why?: string; fix?: string; cause?: unknown; paid?: boolean }

/** An error with a code from the closed union, why where the message does not say it, and how to fix it. Thrown as one of the two classes below. */
export class HostError extends Error {
  readonly code: ErrorCode
  readonly why: string | undefined
  readonly fix: string | undefined
  readonly paid: boolean

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.why = options.why
    this.fix = options.fix
    this.paid = options.paid ?? false
  }
}

/** Trying the same again later may work: a provider that is away, an enclave that restarts. */
export class RetryableError extends HostError {
  override readonly name = 'RetryableError'
}

/** Trying again gives the same result: a wrong configuration, another chain, a rejected answer. */
export class FatalError extends HostError {
  override readonly name = 'FatalError'
}

/** One line for a log or a person: code, message, why, how to fix it. */
export function describeError(error: unknown): {
  code: ErrorCode
  message: string
  why?: string
  fix?: string
} {
  if (!(error instanceof HostError)) {
    return { code: 'INTERNAL', message: firstLine(error) }
  }
  const { code, message, why, fix } = error
  return { code, message, ...(why !== undefined && { why }), ...(fix !== undefined && { fix }) }
}

/** Enough of an unknown error to find it: what libraries write below is whole calls and queries, with their data. */
export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 300)
}
