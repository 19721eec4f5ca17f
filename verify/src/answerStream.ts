import type { Pieces } from './byteSource.ts'
import { concat, concatAll, fromUtf8, utf8 } from './bytes.ts'
import { messageOf, NacreError } from './errors.ts'
import { type Proof, parseProof, serializeProof } from './inference.ts'
import { parseJson } from './shape.ts'

/** Streams of private inference: `output | receipt event | "data: [DONE]\n\n"` (docs/inference.md, Receipt of an answer). */

/** Output as it comes, in whole events, and then the receipt, whose bytes are its event and the stream's end. */
export type StreamPart =
  | { type: 'output'; bytes: Uint8Array }
  | { type: 'receipt'; proof: Proof; bytes: Uint8Array }

/** What a receipt's event says beside its proof: as every chunk of the stream. */
export type EventHead = { id: string; object: string; created: number; model: string }

export const STREAM_END: Uint8Array = utf8('data: [DONE]\n\n')

/** Longest event, bytes. */
export const MAX_EVENT: number = 2 ** 20

const LINE_FEED = 0x0a
const MARK = utf8('"nacre"')
const DATA = 'data: '

/** The last event before the stream's end. */
export function receiptEvent({ id, object, created, model }: EventHead, proof: Proof): Uint8Array {
  const chunk = JSON.stringify({ id, object, created, model, choices: [] })
  return utf8(`${DATA}${chunk.slice(0, -1)},"nacre":${serializeProof(proof)}}\n\n`)
}

/**
 * Takes a stream apart as it comes.
 * @throws NacreError cut-off (it ends before its end), invalid-proof (the receipt is malformed, or something else
 * follows it, or an event claims to be it), too-large (an event)
 */
export async function* splitStream(source: Pieces): AsyncGenerator<StreamPart, void, undefined> {
  let receipt: { proof: Proof; bytes: Uint8Array } | undefined
  let ended = false
  for await (const event of eventsOf(source)) {
    if (ended) throw new NacreError('invalid-proof', 'events follow the stream’s end')
    if (receipt) {
      if (!isEnd(event)) throw new NacreError('invalid-proof', 'an event follows the receipt’s')
      ended = true
      continue
    }
    const proof = proofOf(event)
    if (proof) receipt = { proof, bytes: event }
    else if (isEnd(event)) throw new NacreError('invalid-proof', 'the stream ends without a receipt')
    else yield { type: 'output', bytes: event }
  }
  if (!receipt || !ended) throw new NacreError('cut-off', 'the stream ends before its end')
  yield { type: 'receipt', proof: receipt.proof, bytes: concat(receipt.bytes, STREAM_END) }
}

/** Whole events, with the empty line that ends each; every byte is looked at once. */
async function* eventsOf(source: Pieces): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array[] = []
  let [size, wasLineFeed] = [0, false]
  for await (const piece of source) {
    let start = 0
    for (let at = 0; at < piece.length; at++) {
      const isLineFeed = piece[at] === LINE_FEED
      const isEvent = isLineFeed && wasLineFeed
      wasLineFeed = isLineFeed && !isEvent
      if (!isEvent) continue
      yield concatAll([...held, piece.subarray(start, at + 1)])
      start = at + 1
      held = []
      size = 0
    }
    const rest = piece.slice(start)
    if (rest.length > 0) held.push(rest)
    size += rest.length
    if (size > MAX_EVENT) throw new NacreError('too-large', `an event is longer than ${MAX_EVENT} bytes`)
  }
  if (size > 0) throw new NacreError('cut-off', 'the stream ends inside an event')
}

/** The proof of a receipt's event; undefined for any other event. */
function proofOf(event: Uint8Array): Proof | undefined {
  // In texts of the output the mark's quotes are escaped: only a field can have this name.
  if (!includes(event, MARK)) return undefined
  try {
    const text = fromUtf8(event)
    if (!text.startsWith(DATA)) return undefined
    const chunk = parseJson(text.slice(DATA.length), MAX_EVENT, 'the event')
    if (typeof chunk !== 'object' || chunk === null || !Object.hasOwn(chunk, 'nacre')) return undefined
    return parseProof((chunk as { nacre: unknown }).nacre, 'nacre')
  } catch (cause) {
    throw new NacreError('invalid-proof', `the receipt’s event is malformed: ${messageOf(cause)}`, { cause })
  }
}

function isEnd(event: Uint8Array): boolean {
  return event.length === STREAM_END.length && STREAM_END.every((byte, i) => byte === event[i])
}

function includes(bytes: Uint8Array, wanted: Uint8Array): boolean {
  const [first = 0] = wanted
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1))
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true
  return false
}
