import { NacreError } from '../errors.ts'

/** Reads the fields of a fixed layout one after the other, little-endian, and never beyond its end. */
export type Reader = {
  /** The next bytes, as a view. @throws NacreError invalid-evidence when there are fewer */
  take(size: number, what: string): Uint8Array
  u16(what: string): number
  u32(what: string): number
  /** How many bytes were read. */
  offset(): number
  /** All that is left, as a view. */
  rest(): Uint8Array
}

export function createReader(bytes: Uint8Array): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = 0
  const advance = (size: number, what: string): number => {
    const start = offset
    if (size > bytes.length - start) {
      throw new NacreError('invalid-evidence', `cut short: ${what} needs ${size} bytes at ${start}`)
    }
    offset += size
    return start
  }
  return {
    take: (size, what) => {
      const start = advance(size, what)
      return bytes.subarray(start, start + size)
    },
    u16: what => view.getUint16(advance(2, what), true),
    u32: what => view.getUint32(advance(4, what), true),
    offset: () => offset,
    rest: () => bytes.subarray(offset),
  }
}
