import { NacreError } from '../errors.ts'
import { demand } from './codes.ts'
import { createReader, type Reader } from './reader.ts'

/** A GPU's answer with the request before it, taken apart: nothing in it is believed before its signature is checked. */
export type NvidiaReport = {
  /** Of the request: the verifier's. 32 bytes. */
  nonce: Uint8Array
  /** Values by index, 1 to 255. */
  measurements: ReadonlyMap<number, Uint8Array>
  /** NVIDIA's own fields by number. */
  opaque: ReadonlyMap<number, Uint8Array>
  /** What is signed, request included, and the signature r|s, 96 bytes. */
  signed: Uint8Array
  signature: Uint8Array
}

/** Longest report, bytes: 255 measurements of SHA-384 have 14,025, opaque data of real reports 600. */
const MAX_REPORT = 16_384
const SIGNATURE_SIZE = 96
const SPDM_1_1 = 0x11
const GET_MEASUREMENTS = 0xe0
const MEASUREMENTS = 0x60
const SIGNED = 1
const ALL_MEASUREMENTS = 0xff
const DMTF = 1

/**
 * Takes a report apart: request (37 bytes) and response as they went over SPDM 1.1 (DMTF DSP0274, "GET_MEASUREMENTS
 * request and MEASUREMENTS response messages").
 * Fails with too-large, malformed, unsupported (another version of SPDM or specification of measurements).
 */
export function parseNvidiaReport(bytes: Uint8Array): NvidiaReport {
  demand(bytes.length <= MAX_REPORT, 'too-large', `a report of ${bytes.length} bytes, at most ${MAX_REPORT}`)
  const reader = createReader(bytes)
  const nonce = readRequest(reader)
  const measurements = readMeasurements(reader)
  // The GPU's own nonce: it makes every signature another one, and says nothing to a verifier.
  reader.take(32, "the GPU's nonce")
  const opaque = readOpaque(reader.take(reader.u16('a size'), 'the opaque data'))
  const signed = bytes.subarray(0, reader.offset())
  const signature = reader.take(SIGNATURE_SIZE, 'the signature')
  if (reader.rest().length > 0) throw invalid(`${reader.rest().length} bytes after the signature`)
  return { nonce, measurements, opaque, signed, signature }
}

function readRequest(reader: Reader): Uint8Array {
  const code = readCode(reader)
  const [attributes, operation] = reader.take(2, 'the request')
  if (code !== GET_MEASUREMENTS) throw invalid('the request is not GET_MEASUREMENTS')
  if (attributes !== SIGNED) throw invalid('the request does not ask for a signature')
  if (operation !== ALL_MEASUREMENTS) throw invalid('the request does not ask for all measurements')
  const nonce = reader.take(32, 'the nonce')
  reader.take(1, 'the slot')
  return nonce
}

function readMeasurements(reader: Reader): Map<number, Uint8Array> {
  if (readCode(reader) !== MEASUREMENTS) throw invalid('the response is not MEASUREMENTS')
  reader.take(2, 'the response')
  const [count, low = 0, middle = 0, high = 0] = reader.take(4, 'the size of the measurements')
  const record = createReader(reader.take(low | (middle << 8) | (high << 16), 'the measurements'))
  const measurements = new Map<number, Uint8Array>()
  while (record.rest().length > 0) {
    const [index, value] = readBlock(record)
    if (index === 0 || measurements.has(index))
      throw invalid(`measurement ${index} is none, or is there twice`)
    measurements.set(index, value)
  }
  if (count === 0 || measurements.size !== count)
    throw invalid(`${measurements.size} measurements, where it says ${count}`)
  return measurements
}

/** Index, specification and size; in it the value's type and size. */
function readBlock(record: Reader): [index: number, value: Uint8Array] {
  const [index = 0, specification] = record.take(2, 'a measurement')
  demand(specification === DMTF, 'unsupported', `measurement ${index} is not of DMTF's specification`)
  const block = createReader(record.take(record.u16('a size'), `measurement ${index}`))
  block.take(1, 'its type')
  const value = block.take(block.u16('a size'), `measurement ${index}`)
  if (block.rest().length > 0) throw invalid(`measurement ${index} has bytes after its value`)
  return [index, value]
}

function readOpaque(bytes: Uint8Array): Map<number, Uint8Array> {
  const reader = createReader(bytes)
  const fields = new Map<number, Uint8Array>()
  while (reader.rest().length > 0) {
    const type = reader.u16('an opaque field')
    if (fields.has(type)) throw invalid(`opaque field ${type} is there twice`)
    fields.set(type, reader.take(reader.u16('a size'), `opaque field ${type}`))
  }
  return fields
}

/** Version and code, with which both messages begin. */
function readCode(reader: Reader): number {
  const [version = 0, code = 0] = reader.take(2, 'a message')
  demand(version === SPDM_1_1, 'unsupported', `SPDM version 0x${version.toString(16)}, known: 0x11`)
  return code
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-evidence', `not a GPU's report: ${reason}`)
}
