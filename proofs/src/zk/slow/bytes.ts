import { sha256 } from '@noble/hashes/sha2.js'
import type { F, K } from './field.ts'

/** SHA-256 of the parts, one after the other (docs/zk-soundness.md, section 1). */
export const H = (...parts: Uint8Array[]): Uint8Array => sha256(concat(parts))

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    result.set(part, offset)
    offset += part.length
  }
  return result
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value)

/** Little-endian, as everything of the protocol. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

export function i32s(values: Iterable<number>): Uint8Array {
  const list = [...values]
  const bytes = new Uint8Array(list.length * 4)
  const view = new DataView(bytes.buffer)
  list.forEach((value, i) => {
    view.setInt32(i * 4, value, true)
  })
  return bytes
}

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

export const bytesOfF = (values: readonly F[]): Uint8Array => concat(values.map(value => u32(Number(value))))

export const bytesOfK = (values: readonly K[]): Uint8Array => bytesOfF(values.flatMap(value => [...value]))

/** hash(kind, bytes) of section 2.1: 1 graph, 2 weights, 3 inputs, 4 outputs, 5 model. */
export const hashOf = (kind: number, bytes: Uint8Array): Uint8Array =>
  H(u8(0x14), u8(kind), u32(bytes.length), bytes)
