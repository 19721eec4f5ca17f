import { concat, equalBytes, fromHex, fromUtf8, toHex, utf8 } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { parseJson } from '../shape.ts'
import { demand } from './codes.ts'

/** A quote with the log of what was extended into its registers: an answer of dstack's GetQuote. */
export type DstackBundle = {
  quote: Uint8Array
  /** What the bundle says that the report data is, hex; the quote's own counts. */
  reportData: string | undefined
  /** Those of register 3, in order. */
  events: RuntimeEvent[]
}

/** What dstack's guest recorded (dstack, cc-eventlog/src/runtime_events.rs). */
export type RuntimeEvent = {
  name: string
  payload: Uint8Array
  /** Its SHA-384 is what was extended. */
  preimage: Uint8Array
  /** What the bundle says that this is; empty where it leaves it out. */
  digest: Uint8Array
}

/** Real bundles have 17 kB; an application may record events of its own. */
const MAX_BUNDLE = 1_048_576
const MAX_EVENTS = 4096
const MAX_NAME = 256
/** The register, and the type of all events in it. */
const RTMR3 = 3
const RUNTIME_EVENT = 0x08000001

type Json = Record<string, unknown>

/**
 * Reads a bundle: JSON with `quote` and `event_log`, the log as JSON or as a text of it; other members are passed
 * over. Nothing of it is believed before `replay` gives the register of the quote.
 * Fails with unsupported for an event in register 3 that is none of dstack's, or of an unknown version.
 * @throws NacreError too-large, invalid-text, invalid-json, invalid-evidence
 */
export function parseDstackBundle(evidence: Uint8Array): DstackBundle {
  if (evidence.length > MAX_BUNDLE)
    throw new NacreError('too-large', `a bundle of ${evidence.length} bytes, at most ${MAX_BUNDLE}`)
  const bundle = readObject(parseJson(fromUtf8(evidence), MAX_BUNDLE, 'the bundle'))
  const { quote, event_log: log, report_data: data } = bundle
  const events: unknown = typeof log === 'string' ? parseJson(log, MAX_BUNDLE, 'event_log') : log
  if (!Array.isArray(events) || events.length > MAX_EVENTS)
    throw invalid(`event_log is no list of at most ${MAX_EVENTS} events`)
  return {
    quote: readHex(quote, 'quote'),
    reportData: data === undefined ? undefined : toHex(readHex(data, 'report_data')).slice(2),
    events: events.map(readObject).filter(isOfRtmr3).map(readEvent),
  }
}

/**
 * The register that events leave: 48 zero bytes, and for each the SHA-384 of what was there and of its digest. The
 * digest is made of name and payload: taken from the bundle, another event would be extended than is read.
 * Fails with wrong-binding where the bundle says another digest.
 */
export function replay(
  events: readonly RuntimeEvent[],
  sha384: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  let register: Uint8Array = new Uint8Array(48)
  for (const { name, preimage, digest } of events) {
    const made = sha384(preimage)
    const same = digest.length === 0 || equalBytes(digest, made)
    demand(same, 'wrong-binding', `the digest of event ${name} is not of its name and payload`)
    register = sha384(concat(register, made))
  }
  return register
}

function isOfRtmr3({ imr }: Json): boolean {
  if (typeof imr !== 'number' || ![0, 1, 2, RTMR3].includes(imr)) throw invalid('an event of no register')
  return imr === RTMR3
}

function readEvent(event: Json): RuntimeEvent {
  const { event_type: type, event: name, version = 1 } = event
  demand(
    type === RUNTIME_EVENT,
    'unsupported',
    'an event in register 3 is not of a type that dstack records there',
  )
  demand(version === 1 || version === 2, 'unsupported', 'an event is of a version that is not known')
  if (typeof name !== 'string' || name.length > MAX_NAME) throw invalid('an event has no name')
  const payload = readHex(event.event_payload, 'event_payload')
  const preimage = version === 1 ? binaryOf(name, payload) : canonicalOf(name, payload)
  const claimed = event.preimage === undefined ? preimage : readHex(event.preimage, 'preimage')
  demand(
    equalBytes(claimed, preimage),
    'wrong-binding',
    `the preimage of ${name} is not its name and payload`,
  )
  return { name, payload, preimage, digest: readHex(event.digest ?? '', 'digest') }
}

/** Version 1: type (4 bytes, little-endian), name and payload, with colons between them. */
function binaryOf(name: string, payload: Uint8Array): Uint8Array {
  const colon = Uint8Array.of(0x3a)
  return concat(Uint8Array.of(1, 0, 0, 8), colon, utf8(name), colon, payload)
}

/** Version 2: JSON in canonical form (RFC 8785), whose texts are written as JSON.stringify does. */
function canonicalOf(name: string, payload: Uint8Array): Uint8Array {
  return utf8(JSON.stringify({ name, payload: toHex(payload).slice(2), type: RUNTIME_EVENT }))
}

function readObject(value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw invalid('an object is missing')
}

/** Hex of either case, with or without a prefix. */
function readHex(value: unknown, name: string): Uint8Array {
  if (typeof value !== 'string' || !/^(0x)?([0-9a-fA-F]{2})*$/.test(value)) throw invalid(`${name} is no hex`)
  return fromHex(`0x${value.replace(/^0x/, '').toLowerCase()}`)
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-evidence', `not a bundle of dstack: ${reason}`)
}
