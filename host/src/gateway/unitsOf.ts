import type { IncomingHttpHeaders } from 'node:http'
import { decodeProof, parseProof, RECEIPT_HEADER } from '@nacre/verify/inference'

/** Longer than a receipt's event and the end of a stream. */
const TAIL = 16_384
const MOST_UNITS = 10n ** 8n
const DATA = 'data: '

/** Reads units off a plain answer as it passes: what its receipt says, which nobody has checked here. */
export type UnitsReader = { see(piece: Uint8Array): void; units(): number }

/** Of a body the receipt is a header, of a stream its last event: the tail is kept, and nothing else. */
export function readUnits(headers: IncomingHttpHeaders): UnitsReader {
  const header = headers[RECEIPT_HEADER]
  let tail = Buffer.alloc(0)
  return {
    see: piece => {
      if (typeof header === 'string') return
      const both = Buffer.concat([tail, piece.subarray(-TAIL)])
      tail = both.subarray(-TAIL)
    },
    units: () => {
      try {
        const proof = typeof header === 'string' ? decodeProof(header) : proofIn(tail.toString())
        const units = proof?.usage.units ?? 0n
        // More than any answer has is an invention.
        return units <= MOST_UNITS ? Number(units) : 0
      } catch {
        return 0
      }
    },
  }
}

function proofIn(tail: string) {
  const event = tail.split('\n\n').at(-3)
  if (!event?.startsWith(DATA)) return undefined
  return parseProof((JSON.parse(event.slice(DATA.length)) as { nacre?: unknown }).nacre, 'nacre')
}
