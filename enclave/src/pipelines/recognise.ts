import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { refuse } from '../refusal.ts'
import type { Grey } from './png.ts'
import { resample } from './resample.ts'

/** What was read: a text, and how sure the model was of its least sure letter or digit, 0 to 1. */
export type Reading = { text: string; confidence: number }

/** How a cell is shown to the model: that two views read alike is what an answer rests on. */
export type View = 'clear' | 'wide'

export type Reader = (cell: Grey, view: View) => Promise<Reading>

export type Recogniser = {
  session: InferenceSession
  Tensor: typeof Tensor
  /** The characters of the model's classes 1, 2, ...; class 0 is "no character". */
  characters: readonly string[]
}

/** PP-OCR's recognition model takes lines of this height, three channels from -1 to 1. */
const HEIGHT = 48
const MIN_WIDTH = 48
const STRETCH: Record<View, number> = { clear: 1, wide: 1.25 }
/** Pixels at the model's height that are read of one picture: 3 to 5 s of work. More is no invoice, or an attack. */
const MAX_READ_WIDTH = 20_000

/** A reader of one picture's cells. @throws Refusal too-much-text when it has read what one picture may cost */
export function createReader({ session, Tensor, characters }: Recogniser): Reader {
  let left = MAX_READ_WIDTH
  return async (cell, view) => {
    const width = Math.max(MIN_WIDTH, Math.round((cell.width * HEIGHT * STRETCH[view]) / cell.height))
    left -= width
    if (left < 0) refuse('too-much-text', 'the picture has more text than an invoice')
    const plane = resample(view === 'clear' ? clear(cell) : cell, width, HEIGHT).map(
      value => value / 127.5 - 1,
    )
    const data = new Float32Array(3 * plane.length)
    for (let channel = 0; channel < 3; channel++) data.set(plane, channel * plane.length)
    const feeds = { [session.inputNames[0]!]: new Tensor('float32', data, [1, 3, HEIGHT, width]) }
    const output = (await session.run(feeds))[session.outputNames[0]!]!
    return decode(output.data as Float32Array, characters)
  }
}

/** The darkest pixels become black, the lighter ones white: text covers less than a third of a cell. */
function clear(cell: Grey): Grey {
  const sorted = cell.pixels.toSorted()
  const black = sorted[Math.floor(0.02 * sorted.length)]!
  const range = Math.max(1, sorted[Math.floor(0.6 * sorted.length)]! - black)
  // Clamped, not wrapped around.
  const pixels = Uint8ClampedArray.from(cell.pixels, value => ((value - black) * 255) / range)
  return { ...cell, pixels: new Uint8Array(pixels.buffer) }
}

/** Greedy CTC: the best class of each step, repeats once, "no character" dropped. */
function decode(scores: Float32Array, characters: readonly string[]): Reading {
  const classes = characters.length + 1
  let [text, confidence, last] = ['', 1, 0]
  for (let start = 0; start < scores.length; start += classes) {
    const best = bestOf(scores, start, classes)
    if (best !== last && best > 0) {
      const character = characters[best - 1]!
      text += character
      // Not of spaces and separators: what kind they are means nothing here, and is what the model is least sure of.
      if (/[\p{L}\p{N}]/u.test(character)) confidence = Math.min(confidence, scores[start + best]!)
    }
    last = best
  }
  return { text, confidence }
}

function bestOf(scores: Float32Array, start: number, classes: number): number {
  let best = 0
  for (let i = 1; i < classes; i++) if (scores[start + i]! > scores[start + best]!) best = i
  return best
}
