import { inkOf } from './ink.ts'
import type { Grey } from './png.ts'

/** Heights of a line of text, in pixels of the picture: less cannot be read, more is no line of an invoice. */
const MIN_HEIGHT = 8
const MAX_HEIGHT = 160
/** Share of a row that is ink where there is text: below it are specks. */
const MIN_INK = 0.002

/** Paper between words is narrower than this share of the line's height, between columns mostly wider. */
const WIDE_GAP = 1.3
/** Of a cell that is longer than this many heights only so much is read: a label with its amount is shorter. */
const LONGEST = 40

type Band = { top: number; bottom: number }
type Span = { left: number; right: number }

/**
 * The lines of text of an upright picture, from the top: rows of ink between rows of paper. Each is one or more cells:
 * a label and, at some distance, its amount.
 */
export function linesOf(picture: Grey): Grey[][] {
  const ink = inkOf(picture)
  return bandsOf(ink, picture).map(band =>
    cellsOf(ink, picture.width, band).map(span => cut(picture, band, span)),
  )
}

function bandsOf(ink: Uint8Array, { width, height }: Grey): Band[] {
  const least = Math.max(2, Math.round(MIN_INK * width))
  const bands: Band[] = []
  let top = -1
  for (let y = 0; y <= height; y++) {
    const isText = y < height && countInk(ink, y * width, width) >= least
    if (isText && top < 0) top = y
    if (isText || top < 0) continue
    const tall = y - top
    if (tall >= MIN_HEIGHT && tall <= MAX_HEIGHT) bands.push({ top, bottom: y })
    top = -1
  }
  return bands
}

function countInk(ink: Uint8Array, start: number, length: number): number {
  let count = 0
  for (let i = start; i < start + length; i++) count += ink[i]!
  return count
}

/** Parts of a line from left to right: runs of columns with ink, apart where the paper between them is wide. */
function cellsOf(ink: Uint8Array, width: number, { top, bottom }: Band): Span[] {
  const wide = WIDE_GAP * (bottom - top)
  const cells: Span[] = []
  for (let x = 0; x < width; x++) {
    if (!hasInk(ink, width, x, top, bottom)) continue
    const last = cells.at(-1)
    if (last && x - last.right < wide) last.right = x + 1
    else cells.push({ left: x, right: x + 1 })
  }
  return cells
}

function hasInk(ink: Uint8Array, width: number, x: number, top: number, bottom: number): boolean {
  for (let y = top; y < bottom; y++) if (ink[y * width + x] === 1) return true
  return false
}

/** Above and below, the paper next to the line is repeated: neither a rule nor the next line comes into the reading. */
function cut(picture: Grey, { top, bottom }: Band, { left, right }: Span): Grey {
  const tall = bottom - top
  right = Math.min(right, left + LONGEST * tall)
  const [pad, margin] = [Math.round(tall / 5), Math.round(tall / 3)]
  const [width, height] = [right - left + 2 * margin, tall + 2 * pad]
  const pixels = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    const row = within(Math.min(Math.max(top - 1, top + y - pad), bottom), picture.height)
    for (let x = 0; x < width; x++)
      pixels[y * width + x] = picture.pixels[row * picture.width + within(left - margin + x, picture.width)]!
  }
  return { width, height, pixels }
}

function within(place: number, size: number): number {
  return Math.min(Math.max(0, place), size - 1)
}
