import { InferenceSession } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { encodeOnnx, type Graph, readWeights } from './onnx.ts'
import { runOnnx } from './runOnnx.ts'

const graph: Graph = {
  name: 'line',
  input: { dtype: 'float32', dims: [-1, 2] },
  output: { dtype: 'float32', dims: [-1, 1] },
  nodes: [{ op: 'Gemm', inputs: ['input', 'w', 'b'], output: 'output', attributes: { transB: 1 } }],
  weights: [
    { name: 'w', dims: [1, 2], values: [3, -2] },
    { name: 'b', dims: [1], values: [0.5] },
  ],
}

test('the same graph gives the same bytes; its weights come back', () => {
  expect(encodeOnnx(graph)).toEqual(encodeOnnx(structuredClone(graph)))
  expect([...readWeights(encodeOnnx(graph))]).toEqual([
    ['w', Float32Array.of(3, -2)],
    ['b', Float32Array.of(0.5)],
  ])
})

test('onnxruntime runs it on any batch', async () => {
  const input = { dtype: 'float32' as const, dims: [3, 2], data: Float32Array.of(1, 1, 0, 0, 2, -1) }
  expect(await runOnnx(encodeOnnx(graph), input)).toEqual({
    dtype: 'float32',
    dims: [3, 1],
    data: Float32Array.of(1.5, 0.5, 8.5),
  })
})

test('onnxruntime refuses a file cut short and an operator that does not exist', async () => {
  const bytes = encodeOnnx(graph)
  await expect(InferenceSession.create(bytes.slice(0, bytes.length - 9))).rejects.toThrow()
  const unknown = encodeOnnx({ ...graph, nodes: [{ ...graph.nodes[0]!, op: 'Gemmm' }] })
  await expect(InferenceSession.create(unknown)).rejects.toThrow('Gemmm')
})

test('a malformed graph is refused before it is written', () => {
  const broken = { ...graph, name: 7 } as unknown as Graph
  expect(() => encodeOnnx(broken)).toThrow('not an ONNX model')
})
