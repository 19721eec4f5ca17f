import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** What of a GGUF file's head (version 2 and 3) the engine's process needs beside the library, which reads it again. */
export type GgufHead = {
  architecture: string
  /** Metadata of one value: strings, numbers and booleans, by key. */
  values: Map<string, string | number | boolean>
  vocabulary: { tokens: number; longest: number }
  tensors: { name: string; dims: number[]; type: number }[]
}

const MAX_HEAD = 128 * 2 ** 20
const MAX_ENTRIES = 65_536
const MAX_TOKENS = 2 ** 21
const MAX_STRING = 2 ** 20
const CHUNK = 2 ** 20

/** Bytes of each type of a value by its number; 8 is a string, 9 an array. */
const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8] as const
const STRING = 8
const ARRAY = 9

/** @throws Error that says what is wrong with the file */
export function readGgufHead(file: string): GgufHead {
  const fd = openSync(file, 'r')
  try {
    return readHead(cursorOf(fd))
  } finally {
    closeSync(fd)
  }
}

function readHead(cursor: Cursor): GgufHead {
  if (cursor.take(4).toString('latin1') !== 'GGUF') throw new Error('not a GGUF file')
  const version = cursor.u32()
  if (version !== 2 && version !== 3) throw new Error(`GGUF version ${version}`)
  const tensorCount = cursor.length(MAX_ENTRIES, 'tensors')
  const valueCount = cursor.length(MAX_ENTRIES, 'metadata')
  const values: GgufHead['values'] = new Map()
  let vocabulary = { tokens: 0, longest: 0 }
  for (let i = 0; i < valueCount; i++) {
    const key = cursor.text()
    if (values.has(key)) throw new Error(`metadata ${key} appears twice`)
    const type = cursor.u32()
    if (type === ARRAY) {
      const array = skipArray(cursor)
      if (key === 'tokenizer.ggml.tokens') vocabulary = array
    } else values.set(key, readValue(cursor, type))
  }
  const tensors = Array.from({ length: tensorCount }, () => readTensor(cursor))
  const architecture = values.get('general.architecture')
  if (typeof architecture !== 'string') throw new Error('metadata general.architecture is missing')
  return { architecture, values, vocabulary, tensors }
}

function readValue(cursor: Cursor, type: number): string | number | boolean {
  if (type === STRING) return cursor.text()
  const size = SIZES[type]
  if (!size) throw new Error(`metadata of type ${type}`)
  const bytes = cursor.take(size)
  if (type === 7) return bytes[0] !== 0
  if (type === 6) return bytes.readFloatLE()
  if (type === 12) return bytes.readDoubleLE()
  if (size === 8) return Number(type === 11 ? bytes.readBigInt64LE() : bytes.readBigUInt64LE())
  return type % 2 === 0 ? bytes.readUIntLE(0, size) : bytes.readIntLE(0, size)
}

/** How many elements it has, and the bytes of the longest if they are strings. */
function skipArray(cursor: Cursor): { tokens: number; longest: number } {
  const type = cursor.u32()
  const tokens = cursor.length(MAX_TOKENS, 'an array')
  let longest = 0
  if (type === STRING) for (let i = 0; i < tokens; i++) longest = Math.max(longest, cursor.skipText())
  else if (SIZES[type]) cursor.skip(tokens * SIZES[type])
  else throw new Error(`an array of type ${type}`)
  return { tokens, longest }
}

function readTensor(cursor: Cursor): GgufHead['tensors'][number] {
  const name = cursor.text()
  const rank = cursor.u32()
  if (rank < 1 || rank > 4) throw new Error(`tensor ${name.slice(0, 64)} of rank ${rank}`)
  const dims = Array.from({ length: rank }, () => cursor.length(Number.MAX_SAFE_INTEGER, 'a tensor'))
  const type = cursor.u32()
  cursor.skip(8)
  return { name, dims, type }
}

type Cursor = ReturnType<typeof cursorOf>

/** Reads forwards, a piece of the file at a time. */
function cursorOf(fd: number) {
  const { size } = fstatSync(fd)
  let buffer: Buffer = Buffer.alloc(0)
  let start = 0
  let at = 0
  const advance = (length: number) => {
    if (length > size - at) throw new Error('cut short')
    if (at + length > MAX_HEAD) throw new Error(`a head of more than ${MAX_HEAD} bytes`)
    at += length
  }
  const take = (length: number): Buffer => {
    const from = at
    advance(length)
    if (from < start || at > start + buffer.length) {
      buffer = Buffer.alloc(Math.min(Math.max(CHUNK, length), size - from))
      const read = readSync(fd, buffer, 0, buffer.length, from)
      if (read < length) throw new Error('cut short')
      start = from
    }
    return buffer.subarray(from - start, at - start)
  }
  const u32 = () => take(4).readUInt32LE()
  const length = (most: number, what: string): number => {
    const value = take(8).readBigUInt64LE()
    if (value > BigInt(most)) throw new Error(`${what}: more than ${most}`)
    return Number(value)
  }
  const textBytes = () => take(length(MAX_STRING, 'a string'))
  return {
    take,
    u32,
    length,
    skip: advance,
    text: () => textBytes().toString('utf8'),
    skipText: () => textBytes().length,
  }
}
