import { type ProofsErrorCode, proofsError } from '../../errors.ts'

/** Numbers of the formats, little-endian. */
export type NumberType = 'u8' | 'u16' | 'u32' | 'i16' | 'i32'

const TYPES: Record<NumberType, { size: number; lo: number; hi: number }> = {
  u8: { size: 1, lo: 0, hi: 0xff },
  u16: { size: 2, lo: 0, hi: 0xffff },
  u32: { size: 4, lo: 0, hi: 0xffffffff },
  i16: { size: 2, lo: -0x8000, hi: 0x7fff },
  i32: { size: 4, lo: -0x80000000, hi: 0x7fffffff },
}

/** Reads numbers and bytes; beyond the end, and where something is left at the end, it throws `code`. */
export type Reader = {
  number: (type: NumberType) => number
  /** A view, not a copy. */
  bytes: (length: number) => Uint8Array
  end: () => void
}

export function readerOf(bytes: Uint8Array, code: ProofsErrorCode): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = 0
  const take = (length: number): number => {
    if (length > bytes.length - offset) throw proofsError(code, `the bytes end at ${bytes.length}`)
    offset += length
    return offset - length
  }
  return {
    number(type) {
      const at = take(TYPES[type].size)
      if (type === 'u8') return view.getUint8(at)
      if (type === 'u16') return view.getUint16(at, true)
      if (type === 'i16') return view.getInt16(at, true)
      return type === 'u32' ? view.getUint32(at, true) : view.getInt32(at, true)
    },
    bytes(length) {
      const at = take(length)
      return bytes.subarray(at, at + length)
    },
    end() {
      if (offset !== bytes.length)
        throw proofsError(code, `${bytes.length - offset} bytes follow the end of the format`)
    },
  }
}

/** Writes numbers; one that is not whole or does not fit its type throws `code`. */
export type Writer = {
  number: (type: NumberType, value: number, name: string) => void
  bytes: (bytes: Uint8Array) => void
  done: () => Uint8Array
}

export function writerOf(code: ProofsErrorCode): Writer {
  const out: number[] = []
  return {
    number(type, value, name) {
      const { size, lo, hi } = TYPES[type]
      if (!Number.isInteger(value) || value < lo || value > hi)
        throw proofsError(code, `${name} is ${value}: expected a whole number from ${lo} to ${hi}`)
      for (let i = 0; i < size; i++) out.push((value >> (8 * i)) & 0xff)
    },
    bytes(bytes) {
      for (const byte of bytes) out.push(byte)
    },
    done: () => Uint8Array.from(out),
  }
}

/** i32, little-endian, of values in order. */
export function int32Bytes(arrays: readonly Int32Array[]): Uint8Array {
  const bytes = new Uint8Array(4 * arrays.reduce((total, { length }) => total + length, 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const array of arrays)
    for (const value of array) {
      view.setInt32(offset, value, true)
      offset += 4
    }
  return bytes
}
