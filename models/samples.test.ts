import { expect, test } from 'vitest'
import {
  batchOf,
  drawDigit,
  loadIndex,
  loadZkIndex,
  type ModelName,
  modelPath,
  sampleCount,
  sampleOf,
} from './samples.ts'
import { loadDigits } from './train/data/digits.ts'
import { loadIris, SPECIES } from './train/data/iris.ts'

const floats = (...values: number[]) => ({
  dtype: 'float32' as const,
  dims: [1, values.length],
  data: Float32Array.from(values),
})

test('flowers are the held-out rows of the data set', () => {
  for (const [index, { features, label, row }] of loadIris().heldOut.entries()) {
    const sample = sampleOf('iris-mlp', index)
    expect(sample.input).toEqual({ dtype: 'float32', dims: [1, 4], data: Float32Array.from(features) })
    expect(sample.expected).toBe(SPECIES[label])
    expect(sample.question).toContain(`(flower ${row})`)
  }
})

test('digits are the first 100 held out', () => {
  for (const [index, { digit, pixels }] of loadDigits().heldOut.slice(0, 100).entries()) {
    const sample = sampleOf('lenet5', index)
    expect(sample.input).toEqual({ dtype: 'uint8', dims: [1, 1, 28, 28], data: pixels })
    expect(sample.expected).toBe(String(digit))
  }
})

test('there are as many samples as differ', () => {
  for (const { name } of [...loadIndex(), ...loadZkIndex()]) {
    const count = sampleCount(name)
    const questions = Array.from({ length: count + 1 }, (_, index) => sampleOf(name, index).question)
    expect(new Set(questions).size).toBe(count)
  }
  expect(sampleCount('gpt')).toBe(0)
})

test('answers in words', () => {
  expect(sampleOf('iris-ols').describe(floats(1.02))).toBe('class 1.02 ≈ versicolor')
  expect(sampleOf('iris-ols').describe(floats(2.9))).toBe('class 2.90 ≈ virginica')
  expect(sampleOf('iris-mlp').describe(floats(0.987, 0.013, 0))).toBe('setosa (98.7 %)')
  expect(sampleOf('lenet5').describe(floats(0, 0, 0, 0, 0, 0, 0, 9, 0, 0))).toBe('7')
})

test('an output of another shape and an unknown model are errors that say what was wanted', () => {
  expect(() => sampleOf('lenet5').describe(floats(1, 2))).toThrow(
    'lenet5 answers float32 [1,10], got float32 [1,2]',
  )
  expect(() => sampleOf('gpt' as ModelName)).toThrow(
    'unknown model "gpt"; known: iris-ols, iris-mlp, lenet5, digits-mlp, digits-transformer',
  )
  expect(() => sampleOf('lenet5', -1)).toThrow('no sample -1')
  expect(() => batchOf('lenet5', 0)).toThrow('at least one sample')
})

test('a batch is the samples one after the other, from the first again at the end', () => {
  const batch = batchOf('iris-ols', 31)
  expect(batch.dims).toEqual([31, 4])
  expect(batch.data.slice(120)).toEqual(sampleOf('iris-ols', 0).input.data)
  expect(batch.data.slice(4, 8)).toEqual(sampleOf('iris-ols', 1).input.data)
})

test('every model has a file, in the folder of its index', () => {
  for (const { name, file } of loadIndex()) expect(modelPath(name)).toMatch(new RegExp(`/models/${file}$`))
  for (const { name, file } of loadZkIndex())
    expect(modelPath(name)).toMatch(new RegExp(`/models/zk/${file}$`))
})

test('a drawing has 14 lines; ink shows where the pixels are dark', () => {
  const pixels = new Uint8Array(784)
  pixels[0] = pixels[28] = 255
  pixels[29] = 255
  pixels[27 * 28 + 2] = 255
  const lines = drawDigit(pixels).split('\n')
  expect([lines.length, lines[0], lines[1], lines[13]]).toEqual([14, '█▄', '', '  ▄'])
})
