import { type Digit, SIDE } from './data/digits.ts'
import type { Samples } from './fit.ts'
import type { Random } from './random.ts'

export type DigitSamplesOptions = {
  /** Side of the square frame that a picture stands in the middle of; SIDE or more. */
  side?: number
  /** -1 to 1 instead of 0 to 1: a row without ink is no row of zeros. */
  isCentred?: boolean
  /** Given it, each picture is moved by up to one pixel each way; what leaves the frame is lost. */
  random?: Random
}

/** Pictures with values from 0 to 1, or from -1 to 1. */
export function digitSamples(
  digits: readonly Digit[],
  { side = SIDE, isCentred = false, random }: DigitSamplesOptions = {},
): Samples {
  const input = new Float64Array(side * side)
  const shift = (): number => (side - SIDE) / 2 + (random ? random.below(3) - 1 : 0)
  const inFrame = (at: number): boolean => at >= 0 && at < side
  const scaled = (grey: number): number => (isCentred ? grey / 127.5 - 1 : grey / 255)
  return {
    count: digits.length,
    load(index) {
      const { pixels, digit } = digits[index]!
      const top = shift()
      const left = shift()
      input.fill(isCentred ? -1 : 0)
      for (let y = 0; y < SIDE; y++)
        for (let x = 0; x < SIDE; x++)
          if (inFrame(y + top) && inFrame(x + left))
            input[(y + top) * side + x + left] = scaled(pixels[y * SIDE + x]!)
      return { input, label: digit }
    },
  }
}
