import type { IncomingHttpHeaders } from 'node:http'
import { decodeProof, parseProof, RECEIPT_HEADER } from '@nacre/verify/inference'

/** Longer than a receipt's event and the end of a stream. */
const TAIL = 16_384
const MOST_UNITS = 10n ** 8n
const DATA = 'data: '

const LINE_FEED = 10

/**
 * Reads units off a plain answer as it passes: what its receipt says, which nobody has checked here. A stream without one
 * was cut off: it has a unit an event, so that nobody gets tokens uncounted who leaves before the last.
 */
export type UnitsReader = { see(piece: Uint8Array): void; units(): number }

/** Of a body the receipt is a header, of a stream its last event: the tail is kept, and nothing else. */
export function readUnits(headers: IncomingHttpHeaders): UnitsReader {
  const header = headers[RECEIPT_HEADER]
  let tail = Buffer.alloc(0)
  let events = 0
  let last = 0
  return {
    see: piece => {
      if (typeof header === 'string') return
      const both = Buffer.concat([tail, piece.subarray(-TAIL)])
      tail = both.subarray(-TAIL)
      for (const byte of piece) {
        if (byte === LINE_FEED && last === LINE_FEED) events++
        last = byte
      }
    },
    units: () => {
      const units = told(header, tail) ?? BigInt(events)
      // More than any answer has is an invention.
      return units <= MOST_UNITS ? Number(units) : 0
    },
  }
}

function told(header: unknown, tail: Buffer): bigint | undefined {
  try {
    return (typeof header === 'string' ? decodeProof(header) : proofIn(tail.toString()))?.usage.units
  } catch {
    return undefined
  }
}

function proofIn(tail: string) {
  const event = tail.split('\n\n').at(-3)
  if (!event?.startsWith(DATA)) return undefined
  return parseProof((JSON.parse(event.slice(DATA.length)) as { nacre?: unknown }).nacre, 'nacre')
}
