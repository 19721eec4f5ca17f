import type { Readable, Writable } from 'node:stream'
import { MAX_LINE } from './paths.ts'

/** Bytes that the host has not read: while it does not read, lines are dropped and not kept. */
const MAX_UNREAD = 65_536

/** Passes lines on, each cut at MAX_LINE characters. However long a line and whoever does not read, memory is bounded. */
export function passLines(from: Readable, to: Writable): void {
  let rest = ''
  from.setEncoding('utf8')
  from.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(0, MAX_LINE)
    for (const line of lines)
      if (to.writable && to.writableLength < MAX_UNREAD) to.write(`${line.slice(0, MAX_LINE)}\n`)
  })
}
