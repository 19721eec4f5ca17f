import { readFileSync } from 'node:fs'
import { argmax, decodeTensor, encodeTensor, fromHex, type Tensor, toHex } from '@nacre/verify'
import { describe, expect, test } from 'vitest'
import { batchOf, entryOf, type ModelName, modelPath, sampleOf } from './samples.ts'
import { type Digit, loadDigits, SIDE } from './train/data/digits.ts'
import { type Flower, loadIris } from './train/data/iris.ts'
import { digitSamples } from './train/digitSamples.ts'
import { createDigitsMlp } from './train/digitsMlp.ts'
import { createDigitsTransformer } from './train/digitsTransformer.ts'
import { createIrisMlp } from './train/irisMlp.ts'
import { nearestClass, predict } from './train/irisOls.ts'
import { createLenet5, PADDED } from './train/lenet5.ts'
import { assignWeights } from './train/model.ts'
import { softmax } from './train/network.ts'
import { readWeights } from './train/onnx.ts'
import { createRandom } from './train/random.ts'
import { openOnnx } from './train/runOnnx.ts'
import { fromMatMul } from './train/transformerGraph.ts'

const DIGITS = ['lenet5', 'digits-mlp', 'digits-transformer'] as const
const NAMES = ['iris-ols', 'iris-mlp', ...DIGITS] as const
const iris = loadIris()
const digits = loadDigits()

const read = (name: ModelName) => readFileSync(modelPath(name))
const flowers = (list: readonly Flower[]): Tensor => ({
  dtype: 'float32',
  dims: [list.length, 4],
  data: Float32Array.from(list.flatMap(({ features }) => features)),
})
const pictures = (list: readonly Digit[]): Tensor => ({
  dtype: 'uint8',
  dims: [list.length, 1, 28, 28],
  data: Uint8Array.from(list.flatMap(({ pixels }) => Array.from(pixels))),
})
const rowsOf = ({ data, dims }: Tensor): number[][] => {
  const width = dims[1]!
  return Array.from({ length: dims[0]! }, (_, row) =>
    Array.from(data.slice(row * width, (row + 1) * width), Number),
  )
}
const shareRight = (answers: number[], labels: number[]) =>
  answers.filter((answer, i) => answer === labels[i]).length / labels.length
const expectClose = (actual: number[][], wanted: number[][]) => {
  expect(actual.length).toBe(wanted.length)
  for (const [i, row] of actual.entries())
    for (const [k, value] of row.entries()) expect(Math.abs(value - wanted[i]![k]!)).toBeLessThan(1e-4)
}

describe('onnxruntime agrees with the plain forward pass within 1e-4', () => {
  const all = [...iris.training, ...iris.heldOut]
  test('iris-ols', async () => {
    const weights = readWeights(read('iris-ols'))
    const solution = [...weights.get('weight')!, ...weights.get('bias')!]
    const output = await (await openOnnx(read('iris-ols')))(flowers(all))
    expectClose(
      rowsOf(output),
      all.map(({ features }) => [predict(solution, features)]),
    )
  })
  test('iris-mlp', async () => {
    const network = createIrisMlp(createRandom(0))
    assignWeights(network, readWeights(read('iris-mlp')))
    const output = await (await openOnnx(read('iris-mlp')))(flowers(all))
    const plain = all.map(({ features }) => [...softmax(network.forward(Float64Array.from(features)))])
    expectClose(rowsOf(output), plain)
  })
  const networks = {
    lenet5: { network: createLenet5(createRandom(0)), side: PADDED },
    'digits-mlp': { network: createDigitsMlp(createRandom(0)), side: SIDE },
    'digits-transformer': { network: createDigitsTransformer(createRandom(0)), side: SIDE },
  }
  test.each(DIGITS)('%s', async name => {
    const { network, side } = networks[name]
    const some = digits.heldOut.slice(0, 100)
    const weights = readWeights(read(name))
    const isMatMul = name === 'digits-transformer'
    assignWeights(network, isMatMul ? fromMatMul(network.parameters, weights) : weights)
    const samples = digitSamples(some, { side })
    const output = await (await openOnnx(read(name)))(pictures(some))
    expectClose(
      rowsOf(output),
      some.map((_, i) => [...network.forward(samples.load(i).input)]),
    )
  })
})

describe('accuracy on held-out samples, through onnxruntime, is what index.json says', () => {
  const published = (name: ModelName) => entryOf(name).accuracy
  const labels = iris.heldOut.map(({ label }) => label)
  test('iris-ols', async () => {
    const output = await (await openOnnx(read('iris-ols')))(flowers(iris.heldOut))
    const share = shareRight(
      rowsOf(output).map(([value]) => nearestClass(value!)),
      labels,
    )
    expect(share).toBe(published('iris-ols'))
    expect(share).toBeGreaterThanOrEqual(0.9)
  })
  test('iris-mlp', async () => {
    const share = shareRight(argmax(await (await openOnnx(read('iris-mlp')))(flowers(iris.heldOut))), labels)
    expect(share).toBe(published('iris-mlp'))
    expect(share).toBeGreaterThanOrEqual(0.9)
  })
  test.each(DIGITS)('%s: at least 95 % of 1,000', async name => {
    const answers = argmax(await (await openOnnx(read(name)))(pictures(digits.heldOut)))
    const share = shareRight(
      answers,
      digits.heldOut.map(({ digit }) => digit),
    )
    expect(share).toBe(published(name))
    expect(share).toBeGreaterThanOrEqual(0.95)
  })
})

test.each(NAMES)('%s: a batch of 500 has the classes of 500 single runs', async name => {
  const run = await openOnnx(read(name))
  const classes = (output: Tensor) =>
    name === 'iris-ols' ? rowsOf(output).map(([value]) => nearestClass(value!)) : argmax(output)
  const batch = classes(await run(batchOf(name, 500)))
  const singles: number[] = []
  for (let i = 0; i < 500; i++) singles.push(...classes(await run(sampleOf(name, i).input)))
  expect(batch).toEqual(singles)
})

test.each(NAMES)('%s: the golden output within 1e-4, same classes, same input bytes', async name => {
  const file = new URL(`../vectors/models/${name}.json`, import.meta.url)
  const vector = JSON.parse(readFileSync(file, 'utf8')) as { artifact: string; input: string; output: string }
  const input = decodeTensor(fromHex(vector.input))
  const golden = decodeTensor(fromHex(vector.output))
  const output = await (await openOnnx(read(name)))(input)
  expect(vector.artifact).toBe(entryOf(name).sha256)
  expect(toHex(encodeTensor(batchOf(name, input.dims[0]!)))).toBe(vector.input)
  expectClose(rowsOf(output), rowsOf(golden))
  expect(argmax(output)).toEqual(argmax(golden))
})
