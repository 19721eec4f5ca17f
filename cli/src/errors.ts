/** Exit codes of every command; docs/cli.md and `nacre --help` list them. */
export const EXIT = {
  ok: 0,
  checkFailed: 1,
  usage: 2,
  environment: 3,
  network: 4,
  internal: 70,
  interrupted: 130,
} as const

/** Codes of the errors that the command line itself raises: docs/cli.md, Errors. */
export const CLI_ERROR_CODES = [
  'usage',
  'bad-file',
  'bad-input',
  'unknown-model',
  'unknown-request',
  'not-confirmed',
  'no-funds',
  'not-mined',
  'missing-part',
  'state-unusable',
  'not-running',
  'service-unavailable',
  'service-bad-answer',
  'child-failed',
  'interrupted',
  'internal',
] as const

export type CliErrorCode = (typeof CLI_ERROR_CODES)[number]

export const CLI_ERROR_EXIT: Record<CliErrorCode, number> = {
  usage: EXIT.usage,
  'bad-file': EXIT.usage,
  'bad-input': EXIT.usage,
  'unknown-model': EXIT.usage,
  'unknown-request': EXIT.usage,
  'not-confirmed': EXIT.usage,
  'no-funds': EXIT.environment,
  'not-mined': EXIT.network,
  'missing-part': EXIT.environment,
  'state-unusable': EXIT.environment,
  'not-running': EXIT.network,
  'service-unavailable': EXIT.network,
  'service-bad-answer': EXIT.network,
  'child-failed': EXIT.environment,
  interrupted: EXIT.interrupted,
  internal: EXIT.internal,
}

/** An error that says what happened, why, and how to fix it. */
export class CliError extends Error {
  override name = 'CliError'
  code: CliErrorCode
  why: string
  fix: string
  constructor(code: CliErrorCode, text: { what: string; why: string; fix: string }) {
    super(text.what)
    this.code = code
    this.why = text.why
    this.fix = text.fix
  }
}
