import { CLI_ERROR_EXIT, CliError, EXIT } from './errors.ts'

export type Output = {
  json: boolean
  color: boolean
  /** A line for people: standard output, or standard error when standard output carries JSON. */
  line: (text?: string) => void
  /** The command's result: printed as one JSON line with --json, ignored otherwise. */
  result: (value: unknown) => void
}

export type ErrorReport = { code: string; message: string; why?: string; fix?: string }

export function createOutput(options: { json?: boolean | undefined; color?: boolean | undefined }): Output {
  const json = options.json === true
  const stream = json ? process.stderr : process.stdout
  const color = options.color !== false && stream.isTTY === true && process.env.NO_COLOR === undefined
  return {
    json,
    color,
    line: (text = '') => void stream.write(`${color ? text : withoutColor(text)}\n`),
    result: value => {
      if (json) process.stdout.write(`${JSON.stringify(value, jsonValue)}\n`)
    },
  }
}

/** Prints an error as what, why and fix (standard error), and as `{error}` with --json. Returns the exit code. */
export function reportError(error: unknown, output: Output): number {
  const report = describeError(error)
  process.stderr.write(`nacre: ${report.message}\n`)
  if (report.why) process.stderr.write(`  why: ${report.why}\n`)
  if (report.fix) process.stderr.write(`  fix: ${report.fix}\n`)
  if (report.code === 'internal' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  output.result({ error: report })
  return exitCodeOf(error)
}

/** Every error class of Nacre has a code and a fix; anything else is a bug here. */
export function describeError(error: unknown): ErrorReport {
  if (error instanceof CliError)
    return { code: error.code, message: error.message, why: error.why, fix: error.fix }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    const fix = 'fix' in error && typeof error.fix === 'string' ? error.fix : undefined
    const why = 'why' in error && typeof error.why === 'string' ? error.why : undefined
    return { code: error.code, message: error.message, ...(why && { why }), ...(fix && { fix }) }
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}

/** Codes of Node, of the host and of the SDK that are not the caller's doing. */
const ENVIRONMENT = new Set(
  [
    'EADDRINUSE',
    'EACCES',
    'ENOENT',
    'ENOSPC',
    'EPERM',
    'ERR_MODULE_NOT_FOUND',
    'STATE_IN_USE',
    'PORT_IN_USE',
  ].concat([
    'BINARY_MISSING',
    'PROCESS_FAILED',
    'CONFIG_INVALID',
    'DATABASE_UNAVAILABLE',
    'deployment-invalid',
    'deploy-failed',
  ]),
)
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'unreachable',
  'answer-timeout',
  'wrong-chain',
])

function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return CLI_ERROR_EXIT[error.code]
  const { code } = describeError(error)
  if (code === 'internal') return EXIT.internal
  if (ENVIRONMENT.has(code)) return EXIT.environment
  return NETWORK.has(code) ? EXIT.network : EXIT.checkFailed
}

export const bold = (text: string): string => `\x1b[1m${text}\x1b[0m`
export const dim = (text: string): string => `\x1b[2m${text}\x1b[0m`
export const green = (text: string): string => `\x1b[32m${text}\x1b[0m`
export const red = (text: string): string => `\x1b[31m${text}\x1b[0m`
export const yellow = (text: string): string => `\x1b[33m${text}\x1b[0m`

function withoutColor(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins every colour code
  return text.replace(/\x1b\[\d+m/g, '')
}

function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
