import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadDigits } from '../../../../models/train/data/digits.ts'
import { loadIris } from '../../../../models/train/data/iris.ts'
import {
  encodeOnnx,
  INPUT,
  type Node,
  OUTPUT,
  type Graph as TrainedGraph,
} from '../../../../models/train/onnx.ts'
import { tokenSamples, transformerOnnx } from '../../../scripts/transformerOnnx.ts'
import { checkGraph } from '../graph/ranges.ts'
import { run } from '../graph/reference.ts'
import { runNetwork } from './float.ts'
import { importOnnx, quantiseInput } from './import.ts'
import { lowerOnnx } from './lower.ts'
import { parseOnnx } from './onnx.ts'

const model = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../../models/${name}.onnx`, import.meta.url))

const iris = loadIris()
const flowers = (list: typeof iris.training) => ({
  samples: list.map(({ features }) => Float32Array.from(features)),
  labels: list.map(({ label }) => label),
})

const { samples, labels } = flowers(iris.training)
const largest = (values: ArrayLike<number>): number =>
  Array.from(values).indexOf(Math.max(...Array.from(values)))

test('iris-ols: a regression in sums that are almost its own', () => {
  const { graph, weights, scales, report } = importOnnx(model('iris-ols'), samples)
  expect(graph.nodes.map(({ op }) => op)).toEqual(['dense'])
  expect(report.maxError).toBeLessThan(1e-5)
  const float = lowerOnnx(parseOnnx(model('iris-ols')))
  for (const sample of flowers(iris.heldOut).samples) {
    const value = run(graph, weights, quantiseInput(graph, scales[0]!, sample)).at(-1)![0]! * scales.at(-1)!
    expect(value).toBeCloseTo(runNetwork(float, sample).at(-1)![0]!, 4)
  }
})

test('iris-mlp: centimetres are exact, softmax is left out, no flower is answered otherwise', () => {
  const { graph, weights, scales, report } = importOnnx(model('iris-mlp'), samples, { labels })
  expect(graph.nodes.map(({ op }) => op)).toEqual(['dense', 'lookup', 'dense'])
  expect(scales[0]).toBe(0.1)
  expect(report).toMatchObject({ samples: 120, agreement: 1, notes: [expect.stringContaining('Softmax')] })
  expect(report.accuracyInt).toBe(report.accuracyFloat)
  const heldOut = flowers(iris.heldOut)
  const right = heldOut.samples.filter((sample, i) => {
    const outputs = run(graph, weights, quantiseInput(graph, scales[0]!, sample)).at(-1)!
    return largest(outputs) === heldOut.labels[i]
  })
  expect(right.length).toBe(29)
})

test('lenet5: textbook order, at most 0.3 points of accuracy lost', () => {
  const { training, heldOut } = loadDigits()
  const calibration = training.slice(0, 30)
  const { graph, weights, scales } = importOnnx(
    model('lenet5'),
    calibration.map(({ pixels }) => pixels),
    { labels: calibration.map(({ digit }) => digit) },
  )
  // ReLU, which also requantises, comes before each average pool: the order of the models' README.
  const layer = ['conv', 'lookup', 'unfold', 'sum']
  const dense = ['dense', 'lookup', 'dense', 'lookup', 'dense']
  expect(graph.nodes.map(({ op }) => op)).toEqual([...layer, ...layer, 'reshape', ...dense])
  // In every run the first 50 held-out digits, all of which the float model answers; the long tests have all 1,000, 985 of them right.
  const [count, floatRight] = process.env.NACRE_LONG === '1' ? [1000, 985] : [50, 50]
  const right = heldOut.slice(0, count).filter(({ pixels, digit }) => {
    return largest(run(graph, weights, quantiseInput(graph, scales[0]!, pixels)).at(-1)!) === digit
  })
  expect(right.length).toBeGreaterThanOrEqual(floatRight - Math.floor(0.003 * count))
})

const graphOf = (nodes: Node[], weights: TrainedGraph['weights'], dims = [-1, 4]): Uint8Array =>
  encodeOnnx({
    name: 'test',
    input: { dtype: 'float32', dims },
    output: { dtype: 'float32', dims: [-1, 4] },
    nodes,
    weights,
  })

const identity = {
  name: 'w',
  dims: [4, 4],
  values: Array.from({ length: 16 }, (_, i): number => (i % 5 === 0 ? 1 : 0)),
}
const rows = Array.from({ length: 20 }, (_, i) => [i / 10, -i / 5, (i % 7) / 3, 1].map(Math.fround))

test('operators that no graph has are named, with their node', () => {
  const bytes = graphOf([{ op: 'LSTM', inputs: [INPUT, 'w'], output: OUTPUT }], [identity])
  expect(() => importOnnx(bytes, rows)).toThrow(
    expect.objectContaining({
      code: 'unsupported-operator',
      message: expect.stringMatching(/LSTM of node "output"; known are Add/),
    }),
  )
})

test('shapes that do not fit are said', () => {
  const bytes = graphOf([{ op: 'MatMul', inputs: [INPUT, 'w'], output: OUTPUT }], [identity], [-1, 5])
  expect(() =>
    importOnnx(
      bytes,
      rows.map(row => [...row, 0]),
    ),
  ).toThrow(
    expect.objectContaining({
      code: 'shape-mismatch',
      message: expect.stringContaining('MatMul of node "output"'),
    }),
  )
})

test.each(['Sigmoid', 'Tanh', 'Gelu', 'Relu'])('%s between two layers, with a residual', op => {
  const bytes = graphOf(
    [
      { op: 'MatMul', inputs: [INPUT, 'w'], output: 'a' },
      { op: 'Add', inputs: ['a', 'b'], output: 'biased' },
      { op, inputs: ['biased'], output: 'active' },
      { op: 'Add', inputs: ['active', INPUT], output: 'sum' },
      { op: 'Gemm', inputs: ['sum', 'w'], output: OUTPUT, attributes: { transB: 1 } },
    ],
    [identity, { name: 'b', dims: [4], values: [0.5, -0.5, 0.25, 1] }],
  )
  const { graph, report } = importOnnx(bytes, rows)
  expect(report.maxError).toBeLessThan(0.06)
  checkGraph(graph)
})

test('factor and offset of the input, pooling, permutation and argmax', () => {
  const image = [-1, 1, 4, 4]
  const kernel = {
    name: 'k',
    dims: [2, 1, 3, 3],
    values: Array.from({ length: 18 }, (_, i) => ((i * 7) % 11) / 5 - 1),
  }
  const constants = [
    kernel,
    { name: 'c', dims: [], values: [0.5] },
    { name: 'kb', dims: [2], values: [0.1, -0.2] },
  ]
  const bytes = graphOf(
    [
      { op: 'Mul', inputs: [INPUT, 'c'], output: 'scaled' },
      {
        op: 'Conv',
        inputs: ['scaled', 'k', 'kb'],
        output: 'conv',
        attributes: { pads: [1, 1, 1, 1], strides: [1, 1] },
      },
      { op: 'Relu', inputs: ['conv'], output: 'relu' },
      {
        op: 'MaxPool',
        inputs: ['relu'],
        output: 'max',
        attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      },
      { op: 'Transpose', inputs: ['max'], output: 'turned', attributes: { perm: [0, 2, 3, 1] } },
      { op: 'ArgMax', inputs: ['turned'], output: OUTPUT, attributes: { axis: 3, keepdims: 0 } },
    ],
    constants,
    image,
  )
  const pictures = Array.from({ length: 12 }, (_, s) =>
    Float32Array.from({ length: 16 }, (_, i) => ((i * 5 + s * 3) % 13) / 4),
  )
  const { graph, report } = importOnnx(bytes, pictures)
  expect(graph.nodes.map(({ op }) => op)).toEqual([
    'conv',
    'lookup',
    'unfold',
    'max',
    'permute',
    'lookup',
    'argmax',
  ])
  expect(report.agreement).toBe(1)
})

test('bytes that are no ONNX file, at any length', () => {
  const bytes = model('iris-mlp')
  const codes = new Set<string>()
  for (let length = 0; length < bytes.length; length++)
    try {
      parseOnnx(bytes.subarray(0, length))
    } catch (error) {
      codes.add((error as { code: string }).code)
    }
  expect([...codes].every(code => ['invalid-graph', 'unsupported-operator'].includes(code))).toBe(true)
  expect(codes.size).toBeGreaterThan(0)
})

test('a transformer block: layer normalisation, attention, a residual, GELU', () => {
  const shape = { tokens: 8, width: 16, heads: 2, hidden: 32 }
  const { graph, report } = importOnnx(transformerOnnx(shape), tokenSamples(shape, 24))
  expect(new Set(graph.nodes.map(({ op }) => op))).toEqual(
    new Set(['sum', 'add', 'lookup', 'mul', 'dense', 'reshape', 'permute', 'matmul', 'max']),
  )
  expect(report.maxError).toBeLessThan(0.15)
})

test('samples and weights that are no numbers', () => {
  const node: Node = { op: 'MatMul', inputs: [INPUT, 'w'], output: OUTPUT }
  const infinite = { ...identity, values: identity.values.with(3, Number.POSITIVE_INFINITY) }
  expect(() => importOnnx(graphOf([node], [infinite]), rows)).toThrow(
    expect.objectContaining({ code: 'invalid-graph' }),
  )
  const bytes = graphOf([node], [identity])
  for (const samples of [[], [[1, 2, 3]], [[1, 2, 3, Number.NaN]]])
    expect(() => importOnnx(bytes, samples)).toThrow(expect.objectContaining({ code: 'invalid-input' }))
})

test('a factor at the end is in the output’s scale', () => {
  const half = { name: 'half', dims: [], values: [0.5] }
  const nodes: Node[] = [
    { op: 'MatMul', inputs: [INPUT, 'w'], output: 'y' },
    { op: 'Mul', inputs: ['y', 'half'], output: OUTPUT },
  ]
  const { graph, scales, report } = importOnnx(graphOf(nodes, [identity, half]), rows)
  expect(graph.nodes).toHaveLength(1)
  expect(scales).toHaveLength(2)
  // Half a step of the inputs, which have no few decimals, is 0.015; without the factor the error would be 1.9.
  expect(report.maxError).toBeLessThan(0.01)
})
