import { crc32, inflateSync } from 'node:zlib'
import { messageOf } from '@nacre/verify'
import { refuse } from '../refusal.ts'
import { type Channels, unfilter } from './pngRows.ts'

/** A picture in grey, row by row, 0 black to 255 white. */
export type Grey = { width: number; height: number; pixels: Uint8Array }

/** Bounds of a picture: what is decoded, and what the readings of it cost. */
const MIN_SIDE = 16
const MAX_SIDE = 4096
export const MAX_PIXELS: number = 2 ** 22

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
/** Colour types of 8 bits a channel. Palettes, 16 bits and interlacing are refused: rare, and code to trust. */
const CHANNELS: Record<number, Channels> = { 0: 1, 2: 3, 6: 4 }
/** They change what a viewer shows in ways that are not decoded here: transparency, and other frames. */
const REFUSED = new Set(['tRNS', 'acTL', 'fcTL', 'fdAT'])

/**
 * Decodes a strict subset of PNG: 8-bit grey, RGB or RGBA without transparent pixels, not interlaced, every checksum
 * right, nothing after the end. The size is bound before anything is inflated.
 * @throws Refusal bad-picture
 */
export function decodePng(file: Uint8Array): Grey {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) bad('not a PNG file')
  const [header, ...chunks] = chunksOf(bytes)
  if (header?.type !== 'IHDR' || header.data.length !== 13) bad('its header is missing')
  const { width, height, channels } = readHeader(header.data)
  const rows = inflate(dataOf(chunks), height * (1 + width * channels))
  return { width, height, pixels: unfilter(rows, width, height, channels) }
}

type Chunk = { type: string; data: Buffer }

function chunksOf(bytes: Buffer): Chunk[] {
  const chunks: Chunk[] = []
  let at = SIGNATURE.length
  while (at < bytes.length) {
    if (bytes.length - at < 12) bad('cut short')
    const length = bytes.readUInt32BE(at)
    if (length > bytes.length - at - 12) bad('cut short')
    const body = bytes.subarray(at + 4, at + 8 + length)
    if (crc32(body) !== bytes.readUInt32BE(at + 8 + length)) bad('a checksum is wrong')
    chunks.push({ type: body.toString('latin1', 0, 4), data: body.subarray(4) })
    at += 12 + length
  }
  return chunks
}

function readHeader(header: Buffer): { width: number; height: number; channels: Channels } {
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const [depth, color, compression, filter, interlace] = header.subarray(8)
  const channels = CHANNELS[color ?? -1]
  if (depth !== 8 || !channels) bad('not 8-bit grey, RGB or RGBA')
  if (compression !== 0 || filter !== 0 || interlace !== 0) bad('interlaced, or of an unknown method')
  if (Math.min(width, height) < MIN_SIDE || Math.max(width, height) > MAX_SIDE || width * height > MAX_PIXELS)
    bad(`${width} x ${height} pixels; sides are ${MIN_SIDE} to ${MAX_SIDE}, at most ${MAX_PIXELS} in all`)
  return { width, height, channels }
}

/** The picture's data: chunks in a row, then the end; others may only be ones that change nothing. */
function dataOf(chunks: Chunk[]): Buffer {
  const end = chunks.pop()
  if (end?.type !== 'IEND' || end.data.length !== 0) bad('its end is missing')
  const first = chunks.findIndex(({ type }) => type === 'IDAT')
  const last = chunks.findLastIndex(({ type }) => type === 'IDAT')
  for (const [i, { type }] of chunks.entries()) {
    const isData = i >= first && i <= last && first >= 0
    const isAncillary = /^[a-z][A-Za-z]{3}$/.test(type) && !REFUSED.has(type)
    if (isData ? type !== 'IDAT' : !isAncillary) bad('a part that is not understood')
  }
  if (first < 0) bad('it has no data')
  return Buffer.concat(chunks.slice(first, last + 1).map(({ data }) => data))
}

function inflate(data: Buffer, size: number): Buffer {
  try {
    const options = { maxOutputLength: size, info: true } as const
    const { buffer, engine } = inflateSync(data, options) as unknown as Inflated
    if (buffer.length !== size || engine.bytesWritten !== data.length) throw new Error('another length')
    return buffer
  } catch (error) {
    return bad(`its data does not inflate to its size (${messageOf(error).slice(0, 60)})`)
  }
}

type Inflated = { buffer: Buffer; engine: { bytesWritten: number } }

function bad(reason: string): never {
  refuse('bad-picture', reason)
}
