import { resolve } from 'node:path'
import { EXIT } from '../errors.ts'
import { dim, green, type Output, plain, red, yellow } from '../output.ts'

/** pino's numbers, from 10 in steps of ten. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
/** Of every line, or shown elsewhere on it. */
const HIDDEN = new Set(['level', 'time', 'msg', 'name', 'pid', 'hostname'])

/**
 * `nacre operator run`: the agent in this process, until a signal. People read its log on standard output; with --json
 * the log stays JSON lines on standard error, and what it comes to is one line on standard output.
 */
export async function run(options: { config: string }, output: Output): Promise<number> {
  const { runOperator } = await import('@nacre/host/operator/run')
  await runOperator({
    configFile: resolve(options.config),
    onReady: operator => {
      output.result({ event: 'ready', ...operator })
      if (!output.json) output.line(green(`The operator agent serves on ${operator.url}. Ctrl-C stops it.`))
    },
    ...(!output.json && { log: { write: line => output.line(readable(line)) } }),
  })
  return EXIT.ok
}

/** A line of the log for people. */
export function readable(line: string): string {
  const entry = parse(line)
  if (entry === undefined) return plain(line.trimEnd())
  const level = LEVELS[Number(entry.level) / 10 - 1] ?? `${entry.level}`
  const time = new Date(Number(entry.time)).toISOString().slice(11, 23)
  const facts = Object.entries(entry)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
  return `${dim(time)}  ${colored(level)}  ${plain(String(entry.msg ?? ''))}  ${dim(plain(facts.join(', ')))}`.trimEnd()
}

function colored(level: string): string {
  const text = level.padEnd(5)
  if (level === 'error' || level === 'fatal') return red(text)
  return level === 'warn' ? yellow(text) : text
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
