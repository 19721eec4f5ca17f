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
    line: (text = '') => void stream.write(`${harmless(color ? text : withoutColor(text))}\n`),
    result: value => {
      if (json) process.stdout.write(`${escaped(JSON.stringify(value, jsonValue))}\n`)
    },
  }
}

/** Prints an error as what, why and fix (standard error), and as `{error}` with --json. Returns the exit code. */
export function reportError(error: unknown, output: Output): number {
  const report = describeError(error)
  const say = (label: string, text: string): void =>
    void process.stderr.write(`${label}${indented(text, label.length)}\n`)
  say('nacre: ', report.message)
  if (report.why) say('  why: ', report.why)
  if (report.fix) say('  fix: ', report.fix)
  if (report.code === 'internal' && error instanceof Error) say('', error.stack ?? '')
  output.result({ error: report })
  return exitCodeOf(error)
}

/** Every error class of Nacre has a code and a fix; anything else is a bug here. */
export function describeError(error: unknown): ErrorReport {
  if (error instanceof CliError)
    return { code: error.code, message: error.message, why: error.why, fix: error.fix }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    const fix = 'fix' in error && typeof error.fix === 'string' ? error.fix : systemFix(error)
    const why = 'why' in error && typeof error.why === 'string' ? error.why : undefined
    return { code: error.code, message: error.message, ...(why && { why }), ...(fix && { fix }) }
  }
  // viem's errors: what a node answered, or that it did not. Their messages go on with the whole call.
  if (error instanceof Error && 'shortMessage' in error) {
    const fix = 'check that the node runs and is the one you mean; docs/operating.md helps to recover'
    return { code: 'not-running', message: `the chain cannot be used: ${error.shortMessage}`, fix }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'internal', message, fix: 'this is a bug in nacre: report it with what is printed here' }
}

/** What the kernel refuses names a path or an address, and nothing that nacre knows more about. */
function systemFix(error: Error): string | undefined {
  return 'syscall' in error ? 'make what it names usable for this user, or name another' : undefined
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
    'zk-snarkjs-missing',
  ]),
)
/** A value or a file that the caller gave is not what it should be. */
const USAGE = new Set([
  'KEYSTORE_INVALID',
  'PASSWORD_WRONG',
  // Of @nacre/proofs: a model that cannot be proven.
  'unsupported-operator',
  'shape-mismatch',
  'range-overflow',
  'weight-out-of-range',
  'model-too-large',
  'invalid-graph',
  'invalid-input',
  'zk-key-unsupported',
])
const NETWORK = new Set([
  'not-running',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'unreachable',
  'answer-timeout',
  'wrong-chain',
  'CHAIN_UNAVAILABLE',
])

function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return CLI_ERROR_EXIT[error.code]
  const { code } = describeError(error)
  if (code === 'internal') return EXIT.internal
  if (USAGE.has(code)) return EXIT.usage
  if (ENVIRONMENT.has(code)) return EXIT.environment
  return NETWORK.has(code) ? EXIT.network : EXIT.checkFailed
}

export const bold = (text: string): string => `\x1b[1m${text}\x1b[0m`
export const dim = (text: string): string => `\x1b[2m${text}\x1b[0m`
export const green = (text: string): string => `\x1b[32m${text}\x1b[0m`
export const red = (text: string): string => `\x1b[31m${text}\x1b[0m`
export const yellow = (text: string): string => `\x1b[33m${text}\x1b[0m`

/**
 * Text that others wrote, fit for a line of a terminal: control characters and those that turn the direction of writing
 * become U+FFFD, so that nothing but this program moves the cursor, colours a word or begins a line.
 */
export function plain(text: string): string {
  return text.replace(UNSAFE, '\ufffd')
}

const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** The last guard: lines and our own colours pass, every other control character does not. */
function harmless(text: string): string {
  const parts = text.split(COLOR)
  const colors = text.match(COLOR) ?? []
  return parts.map((part, i) => part.split('\n').map(plain).join('\n') + (colors[i] ?? '')).join('')
}

function indented(text: string, width: number): string {
  return text
    .trimEnd()
    .split('\n')
    .map(plain)
    .join(`\n${' '.repeat(width)}`)
}

/** JSON escapes the first 32 characters itself. */
function escaped(json: string): string {
  return json.replace(UNSAFE, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins every colour code
const COLOR = /\x1b\[\d{1,2}m/g

function withoutColor(text: string): string {
  return text.replace(COLOR, '')
}

function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
