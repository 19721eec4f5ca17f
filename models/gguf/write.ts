import { createHash } from 'node:crypto'
import { closeSync, openSync, renameSync, writeSync } from 'node:fs'
import { bytesOf, quantise, type TensorType, TYPES } from './quantise.ts'

/** A value of the metadata; the key says its type. */
export type Value =
  | { u32: number }
  | { f32: number }
  | { bool: boolean }
  | { string: string }
  | { strings: readonly string[] }
  | { i32s: readonly number[] }
  | { f32s: readonly number[] }

export type Tensor = {
  name: string
  /** As ggml has them: the dimension whose values lie together first, which is the last one of PyTorch. */
  dims: readonly number[]
  type: TensorType
  /** Writes the values from `start` on. Called in order, for at most 2^20 at a time. */
  fill: (into: Float32Array, start: number) => void
}

export type Gguf = { metadata: Readonly<Record<string, Value>>; tensors: readonly Tensor[] }

const VERSION = 3
const ALIGNMENT = 32
const CHUNK = 2 ** 20

/** The bytes of a GGUF file (version 3, little-endian; ggml's docs/gguf.md), in parts: weights of any size stay out of memory. */
export function* encodeGguf({ metadata, tensors }: Gguf): Generator<Uint8Array> {
  yield headerOf(metadata, tensors)
  for (const { dims, type, fill } of tensors) {
    const count = product(dims)
    for (let start = 0; start < count; start += CHUNK) {
      const values = new Float32Array(Math.min(CHUNK, count - start))
      fill(values, start)
      yield quantise(type, values)
    }
    yield new Uint8Array(padding(bytesOf(type, count)))
  }
}

/** Writes a file, whole or not at all. `sha256` is in lower-case hex, without prefix. */
export function writeGguf(file: string, gguf: Gguf): { size: number; sha256: string } {
  const hash = createHash('sha256')
  const draft = `${file}.${process.pid}.new`
  const descriptor = openSync(draft, 'w')
  let size = 0
  try {
    for (const part of encodeGguf(gguf)) {
      hash.update(part)
      for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at)
      size += part.length
    }
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, file)
  return { size, sha256: hash.digest('hex') }
}

function headerOf(metadata: Gguf['metadata'], tensors: readonly Tensor[]): Uint8Array {
  const pairs = Object.entries(metadata)
  const parts = [Buffer.from('GGUF'), u32(VERSION), u64(tensors.length), u64(pairs.length)]
  for (const [key, value] of pairs) parts.push(text(key), encodeValue(value))
  let offset = 0
  for (const { name, dims, type } of tensors) {
    parts.push(text(name), u32(dims.length), ...dims.map(u64), u32(TYPES[type].id), u64(offset))
    const size = bytesOf(type, product(dims))
    offset += size + padding(size)
  }
  const header = Buffer.concat(parts)
  return Buffer.concat([header, Buffer.alloc(padding(header.length))])
}

/** Its type and it. Types: 4 u32, 5 i32, 6 f32, 7 bool, 8 string, 9 array. */
function encodeValue(value: Value): Buffer {
  if ('u32' in value) return Buffer.concat([u32(4), u32(value.u32)])
  if ('f32' in value) return Buffer.concat([u32(6), f32(value.f32)])
  if ('bool' in value) return Buffer.concat([u32(7), Buffer.from([value.bool ? 1 : 0])])
  if ('string' in value) return Buffer.concat([u32(8), text(value.string)])
  if ('strings' in value) return list(8, value.strings.map(text))
  if ('i32s' in value) return list(5, value.i32s.map(i32))
  return list(6, value.f32s.map(f32))
}

function list(type: number, items: Buffer[]): Buffer {
  return Buffer.concat([u32(9), u32(type), u64(items.length), ...items])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

function product(dims: readonly number[]): number {
  return dims.reduce((all, one) => all * one, 1)
}

/** Bytes to the next place where a tensor may begin. */
function padding(size: number): number {
  return (ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT
}
