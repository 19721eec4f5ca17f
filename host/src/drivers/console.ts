import type { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { DriverError } from './errors.ts'

type Log = (line: string) => void

/** What an enclave and its driver say: every line to the log, the last ones kept. */
export type Console = {
  write: Log
  lines(): string[]
  /** The last of them, for an error's message. */
  quote(): string
  /** Settles when the program says that it listens; `leftMs` of the deadline are left. @throws DriverError launch-failed, launch-timeout */
  ready(ended: Promise<string>, deadlineMs: number, leftMs?: number): Promise<void>
}

export const MAX_LINE = 1000
const MAX_LINES = 10_000
const KEPT_LINES = 100
const QUOTED_LINES = 5
const READY = 'enclave: ready'

export function createConsole(onLog: Log): Console {
  const recent: string[] = []
  const listening = Promise.withResolvers<void>()
  const quote = () => recent.slice(-QUOTED_LINES).join(' | ').slice(0, MAX_LINE) || 'it said nothing'
  return {
    write(line) {
      if (line === READY) listening.resolve()
      recent.push(line)
      if (recent.length > KEPT_LINES) recent.shift()
      onLog(line)
    },
    lines: () => [...recent],
    quote,
    async ready(ended, deadlineMs, leftMs = deadlineMs) {
      const failed = ended.then(how => {
        throw new DriverError('launch-failed', `the enclave ended (${how}): ${quote()}`)
      })
      const late = () =>
        new DriverError('launch-timeout', `the enclave is not ready after ${deadlineMs} ms: ${quote()}`)
      await beforeDeadline(Promise.race([listening.promise, failed]), leftMs, late)
    },
  }
}

/** What takes over a terminal, and what is not seen: no line has it, whoever wrote it. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Lines of a stream, cut at MAX_LINE; after MAX_LINES the rest is dropped. */
export function readLines(stream: Readable, onLine: Log): void {
  let rest = ''
  let lines = 0
  const emit = (line: string) => {
    lines++
    if (lines <= MAX_LINES) onLine(printable(line.slice(0, MAX_LINE)))
    if (lines === MAX_LINES) onLine('enclave: further lines are dropped')
  }
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = (parts.pop() ?? '').slice(0, MAX_LINE)
    for (const line of parts) emit(line)
  })
  stream.on('end', () => rest && emit(rest))
}

/** A guest or a program writes what it wants: no escape sequence reaches a terminal. */
export function printable(line: string): string {
  return stripVTControlCharacters(line).replace(CONTROLS, '')
}

async function beforeDeadline(work: Promise<void>, ms: number, late: () => DriverError): Promise<void> {
  const { promise, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(late()), ms)
  await Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
