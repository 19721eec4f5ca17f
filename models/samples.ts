import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { argmax, type Tensor } from '@nacre/verify'

export type ModelName = 'iris-ols' | 'iris-mlp' | 'lenet5' | 'digits-mlp' | 'digits-transformer'

/** Type and shape of a model's input or output; -1 stands for any batch size. */
export type TensorShape = { dtype: 'float32' | 'uint8'; dims: readonly number[] }

/** A line of models/index.json or of models/zk/index.json. */
export type ModelEntry = {
  name: ModelName
  /** File name in the index’s folder. */
  file: string
  /** The artifact: SHA-256 of the file, 0x-hex. */
  sha256: `0x${string}`
  title: string
  input: TensorShape
  output: TensorShape
  /** Share of the held-out samples answered rightly, 0 to 1. */
  accuracy: number
  classes: readonly string[]
  /** npm package and version that the training data comes from. */
  data: string
  seed?: number
  /** Samples trained on, and held out. */
  trainedOn: number
  heldOut: number
}

/** A real question to a model: one sample that it was never trained on. */
export type Sample = {
  question: string
  /** Batch of one. */
  input: Tensor
  /** The true class. */
  expected: string
  /** The answer in words, from the model's output tensor; throws RangeError if it is of another shape. */
  describe: (output: Tensor) => string
}

/** The committed models that a network serves, read from models/index.json. */
export function loadIndex(): ModelEntry[] {
  return readJson('index.json') as ModelEntry[]
}

/** Those that are there to be proven (models/zk/index.json): no network serves them until one adds them. */
export function loadZkIndex(): ModelEntry[] {
  return readJson('zk/index.json') as ModelEntry[]
}

/** Path of a model's ONNX file. */
export function modelPath(name: ModelName): string {
  const folder = loadZkIndex().some(entry => entry.name === name) ? 'zk/' : ''
  return fileURLToPath(new URL(`${folder}${entryOf(name).file}`, import.meta.url))
}

/** What an index says of a model. */
export function entryOf(name: ModelName): ModelEntry {
  const entries = [...loadIndex(), ...loadZkIndex()]
  const entry = entries.find(candidate => candidate.name === name)
  if (entry) return entry
  throw new RangeError(`unknown model "${name}"; known: ${entries.map(known => known.name).join(', ')}`)
}

/**
 * The held-out sample at `index` (0 to 29 for Iris, 0 to 99 for digits; larger ones start over).
 * @example sampleOf('lenet5', 3).question // 'Which digit is this? (mnist 8, number 749)'
 */
export function sampleOf(name: ModelName, index = 0): Sample {
  const entry = entryOf(name)
  return isOfDigits(name) ? digitSample(entry, index) : irisSample(entry, index)
}

/** How many held-out samples of a model there are to ask about; 0 for a model that is not one of these. */
export function sampleCount(name: string): number {
  if (![...loadIndex(), ...loadZkIndex()].some(entry => entry.name === name)) return 0
  return (readJson(samplesFile(name)) as { samples: unknown[] }).samples.length
}

/** `size` samples as one input tensor, from `sampleOf(name, 0)` on, starting over at the end. */
export function batchOf(name: ModelName, size: number): Tensor {
  const inputs = Array.from({ length: size }, (_, index) => sampleOf(name, index).input)
  const first = inputs[0]
  if (!first) throw new RangeError(`a batch needs at least one sample, got ${size}`)
  const values = inputs.flatMap(({ data }) => Array.from(data as Float32Array | Uint8Array))
  const data = first.dtype === 'uint8' ? Uint8Array.from(values) : Float32Array.from(values)
  return { dtype: first.dtype, dims: [size, ...first.dims.slice(1)], data }
}

/** A 28 × 28 digit as 14 lines of 28 characters, two rows of pixels a line. */
export function drawDigit(pixels: Uint8Array): string {
  const ink = (x: number, y: number): boolean => (pixels[y * SIDE + x] ?? 0) > 96
  const line = (y: number): string =>
    Array.from({ length: SIDE }, (_, x) => BLOCKS[Number(ink(x, y)) + 2 * Number(ink(x, y + 1))]).join('')
  return Array.from({ length: SIDE / 2 }, (_, row) => line(row * 2).trimEnd()).join('\n')
}

const SIDE = 28
const BLOCKS = [' ', '▀', '▄', '█'] as const

type Flower = { row: number; features: number[]; species: string }
type Digit = { digit: number; position: number; pixels: string }

function irisSample(entry: ModelEntry, index: number): Sample {
  const { row, features, species } = pick<Flower>(entry, index)
  const [sepalLength, sepalWidth, petalLength, petalWidth] = features
  return {
    question: `Which iris has sepals of ${sepalLength} × ${sepalWidth} cm and petals of ${petalLength} × ${petalWidth} cm? (flower ${row})`,
    input: { dtype: 'float32', dims: [1, 4], data: Float32Array.from(features) },
    expected: species,
    describe: output => (entry.name === 'iris-ols' ? nearest(entry, output) : likeliest(entry, output)),
  }
}

function digitSample(entry: ModelEntry, index: number): Sample {
  const { digit, position, pixels } = pick<Digit>(entry, index)
  return {
    question: `Which digit is this? (mnist ${digit}, number ${position})`,
    input: { dtype: 'uint8', dims: [1, 1, SIDE, SIDE], data: Uint8Array.from(Buffer.from(pixels, 'base64')) },
    expected: String(digit),
    describe: output => classOf(entry, checked(entry, output)),
  }
}

/** "class 1.02 ≈ versicolor" */
function nearest(entry: ModelEntry, output: Tensor): string {
  const value = Number(checked(entry, output).data[0])
  const index = Math.min(entry.classes.length - 1, Math.max(0, Math.round(value)))
  return `class ${value.toFixed(2)} ≈ ${entry.classes[index]}`
}

/** "setosa (98.7 %)" */
function likeliest(entry: ModelEntry, output: Tensor): string {
  const { data } = checked(entry, output)
  const probability = Math.max(...Array.from(data, Number))
  return `${classOf(entry, output)} (${(probability * 100).toFixed(1)} %)`
}

function classOf(entry: ModelEntry, output: Tensor): string {
  return entry.classes[argmax(output)[0]!]!
}

function checked(entry: ModelEntry, output: Tensor): Tensor {
  const wanted = [1, ...entry.output.dims.slice(1)]
  const fits = output.dtype === entry.output.dtype && String(output.dims) === String(wanted)
  if (fits && output.data.length === wanted.reduce((a, b) => a * b, 1)) return output
  throw new RangeError(
    `${entry.name} answers ${entry.output.dtype} [${wanted}], got ${output.dtype} [${output.dims}]: is this the output of one sample?`,
  )
}

function pick<T>(entry: ModelEntry, index: number): T {
  const { samples } = readJson(samplesFile(entry.name)) as { samples: T[] }
  const sample = samples[index % samples.length]
  if (sample) return sample
  throw new RangeError(`no sample ${index}: indices are whole numbers from 0`)
}

function samplesFile(name: string): string {
  return isOfDigits(name) ? 'digits.samples.json' : 'iris.samples.json'
}

function isOfDigits(name: string): boolean {
  return !name.startsWith('iris')
}

function readJson(file: string): unknown {
  const known = parsed.get(file)
  if (known !== undefined) return known
  const value: unknown = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
  parsed.set(file, value)
  return value
}

/** Files of this folder are small and do not change while a program runs. */
const parsed = new Map<string, unknown>()
