import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas'
import type { Row } from './invoice.ts'
import type { Random } from './random.ts'

/** Families of the @fontsource packages: sans, serif, typewriter, humanist, slab. */
export const FONTS = [
  'roboto',
  'open-sans',
  'lato',
  'merriweather',
  'pt-serif',
  'courier-prime',
  'ibm-plex-mono',
] as const

/** How a picture is made; sizes in pixels. */
export type Look = {
  font: (typeof FONTS)[number]
  size: number
  bold: boolean
  /** 0 black to 255 white. */
  ink: number
  paper: number
  /** Deviation of the noise, and share of pixels that are black or white specks. */
  noise: number
  specks: number
  blur: boolean
  /** Light that falls off from left to right, share of the paper's white. */
  shade: number
  /** Degrees. */
  tilt: number
}

export function makeLook(random: Random): Look {
  const is = (share: number): boolean => random.unit() < share
  return {
    font: random.pick(FONTS),
    size: random.integer(14, 32),
    bold: is(0.3),
    ink: random.integer(0, 90),
    paper: random.integer(225, 255),
    noise: is(0.6) ? random.integer(2, 16) : 0,
    specks: is(0.3) ? random.unit() * 0.006 : 0,
    blur: is(0.3),
    shade: is(0.3) ? random.unit() * 0.3 : 0,
    tilt: is(0.4) ? random.normal() * 0.8 : 0,
  }
}

/** Nothing that makes reading hard. */
export const PLAIN: Look = {
  font: 'open-sans',
  size: 22,
  bold: false,
  ink: 20,
  paper: 250,
  noise: 0,
  specks: 0,
  blur: false,
  shade: 0,
  tilt: 0,
}

/** The picture of a page, a PNG file. */
export function drawPage(rows: readonly Row[], look: Look, random: Random): Buffer {
  for (const weight of [400, 700]) register(look.font, weight)
  const width = Math.round(look.size * 26)
  const height = Math.round(look.size * (2.1 * rows.length + 2.5))
  const canvas = createCanvas(width, height)
  const context = canvas.getContext('2d')
  context.fillStyle = `rgb(${look.paper}, ${look.paper}, ${look.paper})`
  context.fillRect(0, 0, width, height)
  context.translate(width / 2, height / 2)
  context.rotate((look.tilt * Math.PI) / 180)
  context.translate(-width / 2, -height / 2)
  if (look.blur) context.filter = 'blur(0.8px)'
  drawRows(context, rows, look, width)
  context.resetTransform()
  const image = context.getImageData(0, 0, width, height)
  spoil(image.data, width, look, random)
  context.putImageData(image, 0, 0)
  return canvas.toBuffer('image/png')
}

function drawRows(context: SKRSContext2D, rows: readonly Row[], look: Look, width: number): void {
  const { size, ink } = look
  const margin = 1.5 * size
  context.fillStyle = `rgb(${ink}, ${ink}, ${ink})`
  rows.forEach(({ left, right, rule, isTotal }, i) => {
    const y = size * (2.1 * i + 2.3)
    context.font = `${look.bold || isTotal ? 700 : 400} ${size}px ${look.font}`
    if (rule) context.fillRect(margin, y - 1.45 * size, width - 2 * margin, 1)
    context.textAlign = 'left'
    context.fillText(left, margin, y)
    context.textAlign = 'right'
    if (right !== undefined) context.fillText(right, width - margin, y)
  })
}

/** Shade, noise and specks, the same in every channel. */
function spoil(data: Uint8ClampedArray, width: number, look: Look, random: Random): void {
  for (let at = 0; at < data.length; at += 4) {
    const x = (at / 4) % width
    let grey = data[at]! * (1 - (look.shade * x) / width)
    if (look.noise > 0) grey += look.noise * random.normal()
    if (look.specks > 0 && random.unit() < look.specks) grey = random.pick([0, 255])
    data.fill(grey, at, at + 3)
  }
}

const registered = new Set<string>()

function register(font: string, weight: number): void {
  const file = `@fontsource/${font}/files/${font}-latin-${weight}-normal.woff2`
  if (registered.has(file)) return
  registered.add(file)
  GlobalFonts.register(readFileSync(createRequire(import.meta.url).resolve(file)), font)
}
