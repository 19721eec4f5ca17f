import { deflateSync } from 'node:zlib'
import { createCanvas } from '@napi-rs/canvas'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chunk, fileOf, greyParts, headerChunk, type PngParts, pngFile } from '../../test/pngFile.ts'
import { Refusal } from '../refusal.ts'
import { decodePng } from './png.ts'

const SIDE = 16
const grey = greyParts(
  SIDE,
  SIDE,
  Uint8Array.from({ length: SIDE * SIDE }, (_, i) => i),
)
const good = pngFile(grey)
const header = headerChunk(grey)
const data = deflateSync(grey.rows)

test('another encoder’s pictures come out as they were drawn', () => {
  const canvas = createCanvas(40, 30)
  const context = canvas.getContext('2d')
  for (let y = 0; y < 30; y++)
    for (let x = 0; x < 40; x++) {
      context.fillStyle = `rgb(${x * 6}, ${y * 8}, ${(x * y) % 256})`
      context.fillRect(x, y, 1, 1)
    }
  const { pixels } = decodePng(canvas.toBuffer('image/png'))
  const luma = (x: number, y: number) =>
    Math.floor((299 * x * 6 + 587 * y * 8 + 114 * ((x * y) % 256) + 500) / 1000)
  for (const [x, y] of [
    [0, 0],
    [39, 29],
    [17, 3],
    [5, 22],
  ] as const)
    expect(pixels[y * 40 + x], `${x}, ${y}`).toBe(luma(x, y))
})

test('every filter is undone', () => {
  const ones = new Uint8Array(SIDE * SIDE).fill(1)
  const corner = (filter: number) => decodePng(pngFile(greyParts(SIDE, SIDE, ones, filter))).pixels
  expect(corner(0).every(pixel => pixel === 1)).toBe(true)
  expect([...corner(1).subarray(SIDE - 2, SIDE + 1)]).toEqual([15, 16, 1])
  expect([corner(2)[SIDE * (SIDE - 1)], corner(2)[3]]).toEqual([16, 1])
  expect([...corner(3).subarray(0, 3)]).toEqual([1, 1, 1])
  expect([...corner(4).subarray(SIDE, SIDE + 2)]).toEqual([2, 3])
})

const rgba = (alpha: number): PngParts => ({
  ...grey,
  color: 6,
  rows: Buffer.concat(
    Array.from({ length: SIDE }, () => Buffer.from([0, ...Array(SIDE).fill([9, 9, 9, alpha]).flat()])),
  ),
})

test('opaque RGBA and ancillary parts are accepted', () => {
  expect(decodePng(pngFile(rgba(255))).pixels[7]).toBe(9)
  const parts = [header, chunk('pHYs', new Uint8Array(9)), chunk('IDAT', data.subarray(0, 9))]
  const file = fileOf([
    ...parts,
    chunk('IDAT', data.subarray(9)),
    chunk('tEXt', Buffer.from('a\0b')),
    chunk('IEND'),
  ])
  expect(decodePng(file)).toEqual(decodePng(good))
})

const sized = (width: number, height: number) => pngFile({ ...grey, width, height })

test.each<[string, Uint8Array, string]>([
  ['nothing', new Uint8Array(0), 'not a PNG file'],
  ['another format', Buffer.from('GIF89a..........'), 'not a PNG file'],
  ['the signature alone', fileOf([]), 'header is missing'],
  ['no header first', fileOf([chunk('IDAT', data), chunk('IEND')]), 'header is missing'],
  ['a short header', fileOf([chunk('IHDR', new Uint8Array(12)), chunk('IEND')]), 'header is missing'],
  ['cut in a length', good.subarray(0, 10), 'cut short'],
  ['cut in the data', good.subarray(0, -20), 'cut short'],
  ['bytes after the end', Buffer.concat([good, Buffer.alloc(12)]), 'checksum'],
  ['a flipped bit', good.map((byte, i) => (i === 50 ? byte ^ 1 : byte)), 'checksum'],
  ['16 bits', pngFile({ ...grey, depth: 16 }), 'not 8-bit'],
  ['a palette', pngFile({ ...grey, color: 3 }), 'not 8-bit'],
  ['interlaced', pngFile({ ...grey, interlace: 1 }), 'interlaced'],
  ['too small', sized(15, 16), '15 x 16 pixels'],
  ['too wide', sized(4097, 16), '4097 x 16 pixels'],
  ['too many pixels', sized(4096, 4096), 'at most 4194304 in all'],
  ['no end', fileOf([header, chunk('IDAT', data)]), 'end is missing'],
  ['no data', fileOf([header, chunk('IEND')]), 'no data'],
  [
    'data in two places',
    fileOf([
      header,
      chunk('IDAT', data.subarray(0, 9)),
      chunk('tEXt'),
      chunk('IDAT', data.subarray(9)),
      chunk('IEND'),
    ]),
    'not understood',
  ],
  [
    'an unknown critical part',
    fileOf([header, chunk('ABCD'), chunk('IDAT', data), chunk('IEND')]),
    'not understood',
  ],
  [
    'transparency',
    fileOf([header, chunk('tRNS', new Uint8Array(2)), chunk('IDAT', data), chunk('IEND')]),
    'not understood',
  ],
  [
    'frames',
    fileOf([header, chunk('acTL', new Uint8Array(8)), chunk('IDAT', data), chunk('IEND')]),
    'not understood',
  ],
  ['transparent pixels', pngFile(rgba(254)), 'transparent'],
  ['an unknown filter', pngFile(greyParts(SIDE, SIDE, grey.rows, 5)), 'unknown filter'],
  ['too little data', sized(16, 17), 'does not inflate'],
  [
    'too much data',
    pngFile({ ...grey, rows: Buffer.concat([grey.rows, Buffer.alloc(17)]) }),
    'does not inflate',
  ],
  ['no zlib', fileOf([header, chunk('IDAT', new Uint8Array(40)), chunk('IEND')]), 'does not inflate'],
  [
    'bytes after the data',
    fileOf([header, chunk('IDAT', Buffer.concat([data, Buffer.of(0)])), chunk('IEND')]),
    'another length',
  ],
])('refused: %s', (_, file, reason) => {
  expect(() => decodePng(file)).toThrow(Refusal)
  expect(() => decodePng(file)).toThrow(/^bad-picture: /)
  expect(() => decodePng(file)).toThrow(reason)
})

test('a bomb inflates no further than its size', () => {
  const bomb = fileOf([header, chunk('IDAT', deflateSync(Buffer.alloc(2 ** 26))), chunk('IEND')])
  expect(() => decodePng(bomb)).toThrow('does not inflate')
})

test('whatever the bytes are, they are decoded or refused', () => {
  const change = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), fc.nat(good.length), (changes, length) => {
      const file = Uint8Array.from(good.subarray(0, length))
      for (const { at, to } of changes) if (at < length) file[at] = to
      try {
        decodePng(file)
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal)
      }
    }),
  )
})
