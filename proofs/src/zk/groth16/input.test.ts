import { type Dtype, encodeTensor, type TensorData } from '@nacre/verify/tensor'
import { expect, test } from 'vitest'
import type { Graph } from '../graph/graph.ts'
import { irisRegression } from '../graph/samples.ts'
import { decodeInput, encodeInput, inputHashOf, maxInputBytes } from './input.ts'

const { graph } = irisRegression()
const VALUES = Int32Array.of(51, 35, 14, -2)
const bytesOf = (dtype: Dtype, dims: number[], data: TensorData) => encodeTensor({ dtype, dims, data })

test('whole numbers are read as they were written, of any type that holds them, with a batch of one or without', () => {
  expect(decodeInput(graph, encodeInput(graph, VALUES))).toEqual(VALUES)
  expect(decodeInput(graph, bytesOf('int32', [1, 4], VALUES))).toEqual(VALUES)
  expect(decodeInput(graph, bytesOf('int8', [4], Int8Array.from(VALUES)))).toEqual(VALUES)
  const positive = Uint8Array.of(1, 2, 3, 127)
  expect(decodeInput(graph, bytesOf('uint8', [4], positive))).toEqual(Int32Array.from(positive))
  expect(encodeInput(graph, VALUES).length).toBeLessThanOrEqual(maxInputBytes(graph))
})

test.each<[string, Uint8Array, string]>([
  ['floats', bytesOf('float32', [4], Float32Array.from(VALUES)), 'invalid-input'],
  ['numbers of 64 bits', bytesOf('int64', [4], new BigInt64Array(4)), 'invalid-input'],
  ['two inputs', bytesOf('int32', [2, 4], new Int32Array(8)), 'invalid-input'],
  ['other dimensions', bytesOf('int32', [2, 2], VALUES), 'invalid-input'],
  ['too few values', bytesOf('int32', [3], VALUES.subarray(1)), 'invalid-input'],
  ['a value above the range', bytesOf('int32', [4], Int32Array.of(0, 0, 0, 128)), 'zk-value-out-of-range'],
  ['a value below it', bytesOf('int32', [4], Int32Array.of(0, 0, 0, -129)), 'zk-value-out-of-range'],
  ['bytes that are cut short', encodeInput(graph, VALUES).subarray(0, -1), 'invalid-tensor'],
  ['many bytes', new Uint8Array(maxInputBytes(graph) + 1), 'invalid-input'],
])('%s are no input of it', (_, bytes, code) => {
  expect(() => decodeInput(graph, bytes)).toThrow(expect.objectContaining({ code }))
})

test('the hash is of the numbers and the range, not of the bytes', () => {
  const hash = inputHashOf(graph, VALUES)
  expect(hash).toMatch(/^0x[0-9a-f]{64}$/)
  expect(inputHashOf(graph, decodeInput(graph, bytesOf('int8', [1, 4], Int8Array.from(VALUES))))).toBe(hash)
  expect(inputHashOf(graph, Int32Array.of(51, 35, 14, -3))).not.toBe(hash)
  const wider: Graph = { ...graph, input: { ...graph.input, lo: -129 } }
  expect(inputHashOf(wider, VALUES)).not.toBe(hash)
})
