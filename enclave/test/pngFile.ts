import { crc32, deflateSync } from 'node:zlib'

/** Writes PNG files part by part, for the tests: each part can be made wrong. */
export type PngParts = {
  width: number
  height: number
  depth: number
  color: number
  interlace: number
  /** Rows as they are deflated, each after its filter byte. */
  rows: Uint8Array
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')

/** A grey picture of these pixels, every row with the same filter byte (and already filtered). */
export function greyParts(width: number, height: number, pixels: Uint8Array, filter = 0): PngParts {
  const rows = Buffer.concat(
    Array.from({ length: height }, (_, y) =>
      Buffer.concat([Uint8Array.of(filter), pixels.subarray(y * width, (y + 1) * width)]),
    ),
  )
  return { width, height, depth: 8, color: 0, interlace: 0, rows }
}

export function headerChunk({ width, height, depth, color, interlace }: PngParts): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, color, 0, 0, interlace], 8)
  return chunk('IHDR', header)
}

export function pngFile(parts: PngParts): Buffer {
  return fileOf([headerChunk(parts), chunk('IDAT', deflateSync(parts.rows)), chunk('IEND')])
}

export function fileOf(chunks: Buffer[]): Buffer {
  return Buffer.concat([SIGNATURE, ...chunks])
}

export function chunk(type: string, data: Uint8Array = new Uint8Array(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}
