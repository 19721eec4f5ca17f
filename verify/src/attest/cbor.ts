import { concat, fromUtf8, utf8 } from '../bytes.ts'
import { NacreError } from '../errors.ts'

/**
 * The CBOR that attestation uses (RFC 8949): integers up to 2^53 - 1, byte and text strings, arrays, maps, null,
 * booleans. Definite lengths and shortest heads only, so that each value has one encoding but for the order of a
 * map's keys, which is kept: AWS's documents do not sort theirs.
 */
export type CborValue = number | string | boolean | null | Uint8Array | CborValue[] | CborMap
export type CborMap = Map<string | number, CborValue>

export type CborLimits = {
  /** Longest input, bytes. Default 16,384: the longest payload of an AWS Nitro document. */
  maxBytes?: number
  /** Deepest nesting of arrays and maps. Default 8. */
  maxDepth?: number
}

type Reader = { bytes: Uint8Array; offset: number; depth: number }

const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, simple: 7 } as const

const INDEFINITE_MAP = 0xbf
const BREAK = 0xff

/** @throws NacreError invalid-cbor for a value outside the subset, invalid-text */
export function encodeCbor(value: CborValue): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6)
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4)
  if (typeof value === 'number') return value < 0 ? head(MAJOR.negative, -1 - value) : head(MAJOR.uint, value)
  if (typeof value === 'string') return withHead(MAJOR.text, utf8(value))
  if (value instanceof Uint8Array) return withHead(MAJOR.bytes, value)
  if (Array.isArray(value)) return concat(head(MAJOR.array, value.length), ...value.map(encodeCbor))
  if (!(value instanceof Map)) throw invalid(`cannot encode a ${typeof value}`)
  const entries = [...value].flatMap(([key, item]) => [encodeCbor(key), encodeCbor(item)])
  return concat(head(MAJOR.map, value.size), ...entries)
}

/**
 * Decodes exactly one value. Byte strings are views into the input. Work and memory are linear in the input's size.
 * @throws NacreError too-large, invalid-cbor, invalid-text
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = {}): CborValue {
  const { maxBytes = 16_384, maxDepth = 8 } = limits
  if (bytes.length > maxBytes) {
    throw new NacreError('too-large', `CBOR of ${bytes.length} bytes, at most ${maxBytes}`)
  }
  const reader = { bytes, offset: 0, depth: maxDepth }
  const value = readValue(reader)
  if (reader.offset !== bytes.length) throw invalid(`${bytes.length - reader.offset} bytes after the value`)
  return value
}

/**
 * Decodes exactly one map, which may be of indefinite length: so AWS Nitro has written the payload of its documents
 * since November 2025. Maps and strings inside are as strict as everywhere.
 * @throws NacreError too-large, invalid-cbor, invalid-text
 */
export function decodeCborMap(bytes: Uint8Array, limits: CborLimits = {}): CborMap {
  const { maxBytes = 16_384, maxDepth = 8 } = limits
  if (bytes[0] !== INDEFINITE_MAP) {
    const value = decodeCbor(bytes, limits)
    if (value instanceof Map) return value
    throw invalid('it is no map')
  }
  if (bytes.length > maxBytes) {
    throw new NacreError('too-large', `CBOR of ${bytes.length} bytes, at most ${maxBytes}`)
  }
  if (bytes.at(-1) !== BREAK) throw invalid('a map of indefinite length has no end')
  const reader = { bytes: bytes.subarray(0, -1), offset: 1, depth: maxDepth - 1 }
  const map: CborMap = new Map()
  while (reader.offset < reader.bytes.length) readEntry(reader, map)
  return map
}

function readValue(reader: Reader): CborValue {
  const [major, argument] = readHead(reader)
  if (major === MAJOR.uint) return argument
  if (major === MAJOR.negative) return -1 - argument
  if (major === MAJOR.bytes) return take(reader, argument)
  if (major === MAJOR.text) return fromUtf8(take(reader, argument))
  if (major === MAJOR.array) return nested(reader, () => readArray(reader, argument))
  if (major === MAJOR.map) return nested(reader, () => readMap(reader, argument))
  if (major === MAJOR.simple && argument === 20) return false
  if (major === MAJOR.simple && argument === 21) return true
  if (major === MAJOR.simple && argument === 22) return null
  throw invalid(`major type ${major} with ${argument} is outside the subset`)
}

function readArray(reader: Reader, count: number): CborValue[] {
  const items: CborValue[] = []
  while (items.length < count) items.push(readValue(reader))
  return items
}

function readMap(reader: Reader, count: number): CborMap {
  const map: CborMap = new Map()
  while (map.size < count) readEntry(reader, map)
  return map
}

function readEntry(reader: Reader, map: CborMap): void {
  const key = readValue(reader)
  if (typeof key !== 'string' && typeof key !== 'number') throw invalid('a map key is no text and no integer')
  if (map.has(key)) throw invalid(`map key ${String(key).slice(0, 32)} occurs twice`)
  map.set(key, readValue(reader))
}

/** Major type and argument; additional information 24 to 27 is followed by 1, 2, 4 or 8 bytes. */
function readHead(reader: Reader): [major: number, argument: number] {
  const [first = 0] = take(reader, 1)
  const major = first >> 5
  const info = first & 31
  if (info < 24) return [major, info]
  if (info > 27) throw invalid(info === 31 ? 'indefinite length' : `additional information ${info}`)
  let argument = 0
  for (const byte of take(reader, 1 << (info - 24))) argument = argument * 256 + byte
  if (major === MAJOR.simple) throw invalid('floats and wide simple values are outside the subset')
  if (!isWithin(major, argument)) throw invalid('an integer is beyond 2^53 - 1')
  if (headSize(argument) !== 1 + (1 << (info - 24)))
    throw invalid('a length or integer is not in its shortest form')
  return [major, argument]
}

function nested<T>(reader: Reader, read: () => T): T {
  if (reader.depth === 0) throw invalid('nested too deep')
  reader.depth--
  const value = read()
  reader.depth++
  return value
}

function take(reader: Reader, count: number): Uint8Array {
  if (count > reader.bytes.length - reader.offset) throw invalid('cut short')
  reader.offset += count
  return reader.bytes.subarray(reader.offset - count, reader.offset)
}

function withHead(major: number, content: Uint8Array): Uint8Array {
  return concat(head(major, content.length), content)
}

function head(major: number, argument: number): Uint8Array {
  if (!isWithin(major, argument)) throw invalid(`${argument} is no integer within 2^53 - 1`)
  const size = headSize(argument)
  if (size === 1) return Uint8Array.of((major << 5) | argument)
  const bytes = new Uint8Array(size)
  bytes[0] = (major << 5) | (24 + Math.log2(size - 1))
  let rest = argument
  for (let i = size - 1; i > 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256
  return bytes
}

/** Negative integers are -1 - argument, which must be exact too. */
function isWithin(major: number, argument: number): boolean {
  return Number.isSafeInteger(major === MAJOR.negative ? argument + 1 : argument)
}

function headSize(argument: number): number {
  if (argument < 24) return 1
  if (argument < 2 ** 8) return 2
  if (argument < 2 ** 16) return 3
  return argument < 2 ** 32 ? 5 : 9
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-cbor', `not CBOR as the protocol uses it: ${reason}`)
}
