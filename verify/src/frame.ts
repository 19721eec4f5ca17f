import { decodeCbor, encodeCbor } from './attest/cbor.ts'
import { NacreError } from './errors.ts'

/**
 * A job or an answer on the enclave's channel (docs/protocol.md, Channel to the enclave): JSON in UTF-8, and beside
 * it the input or the output as it is. In hex and JSON a tensor is written, searched and read several times a hop.
 */
export type Frame = { json: Uint8Array; bytes: Uint8Array }

/** Most bytes of each part. */
export type FrameLimits = { maxJson: number; maxBytes: number }

const VERSION = 1
/** The array and the version are a byte each, the head of a part is at most nine. */
const MAX_HEADS = 20

/** The longest frame of these limits, bytes. */
export function maxFrame({ maxJson, maxBytes }: FrameLimits): number {
  return MAX_HEADS + maxJson + maxBytes
}

/** CBOR, an array of three: version 1, JSON, bytes. */
export function encodeFrame({ json, bytes }: Frame): Uint8Array {
  return encodeCbor([VERSION, json, bytes])
}

/**
 * The parts of a frame, as views of it; what the JSON says is not looked at.
 * @throws NacreError too-large, unsupported-version, invalid-cbor (another shape, cut short, trailing bytes)
 */
export function decodeFrame(frame: Uint8Array, limits: FrameLimits): Frame {
  const parts = decodeCbor(frame, { maxBytes: maxFrame(limits), maxDepth: 1 })
  if (!Array.isArray(parts)) throw invalid('it is no array')
  const [version, json, bytes] = parts
  if (typeof version !== 'number') throw invalid('it has no version')
  if (version !== VERSION) throw new NacreError('unsupported-version', `frame version ${version}, known: 1`)
  if (parts.length !== 3 || !(json instanceof Uint8Array) || !(bytes instanceof Uint8Array))
    throw invalid('it is not a version and two byte strings')
  requireAtMost('JSON', json, limits.maxJson)
  requireAtMost('bytes', bytes, limits.maxBytes)
  return { json, bytes }
}

function requireAtMost(what: string, part: Uint8Array, max: number): void {
  if (part.length > max) throw new NacreError('too-large', `${part.length} bytes of ${what}, at most ${max}`)
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-cbor', `not a frame of the channel: ${reason}`)
}
