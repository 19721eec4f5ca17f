import { refuse } from '../refusal.ts'

/** Bytes a pixel: grey, RGB, RGBA. */
export type Channels = 1 | 3 | 4

/** Undoes the filter of each row (PNG, 9.2), in place, and gives the picture in grey. @throws Refusal bad-picture */
export function unfilter(rows: Buffer, width: number, height: number, channels: Channels): Uint8Array {
  const stride = width * channels
  const pixels = new Uint8Array(width * height)
  let above: Uint8Array = new Uint8Array(stride)
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1)
    const row = rows.subarray(start + 1, start + 1 + stride)
    unfilterRow(rows[start]!, row, above, channels)
    toGrey(row, channels, pixels.subarray(y * width, (y + 1) * width))
    above = row
  }
  return pixels
}

function unfilterRow(filter: number, row: Uint8Array, above: Uint8Array, channels: number): void {
  if (filter > 4) refuse('bad-picture', 'a row has an unknown filter')
  for (let i = 0; i < row.length; i++) {
    const left = i < channels ? 0 : row[i - channels]!
    const corner = i < channels ? 0 : above[i - channels]!
    row[i] = row[i]! + predict(filter, left, above[i]!, corner)
  }
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  return filter === 4 ? paeth(left, up, corner) : 0
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)]
  if (a <= b && a <= c) return left
  return b <= c ? up : corner
}

function toGrey(row: Uint8Array, channels: Channels, grey: Uint8Array): void {
  if (channels === 1) grey.set(row)
  else mix(row, channels, grey)
}

/** Luma of ITU-R BT.601. A transparent pixel looks different on every background: it is refused. */
function mix(row: Uint8Array, channels: Channels, grey: Uint8Array): void {
  for (let x = 0; x < grey.length; x++) {
    const at = x * channels
    if (channels === 4 && row[at + 3] !== 255) refuse('bad-picture', 'it has transparent pixels')
    grey[x] = (299 * row[at]! + 587 * row[at + 1]! + 114 * row[at + 2]! + 500) / 1000
  }
}
