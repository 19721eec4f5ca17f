import { readFileSync } from 'node:fs'
import { decodeTensor, fromHex, type Tensor } from '@nacre/verify'
import { expect, test } from 'vitest'
import { runOnnx } from '../../../../models/train/runOnnx.ts'
import { tokenSamples, transformerOnnx } from '../../../scripts/transformerOnnx.ts'
import { runNetwork } from './float.ts'
import { joinGelu } from './gelu.ts'
import { lowerOnnx } from './lower.ts'
import type { Network } from './network.ts'
import { parseOnnx } from './onnx.ts'

/** What an ONNX file means to importing is what it means to onnxruntime: integers are calibrated against it. */

const file = (path: string): Uint8Array => readFileSync(new URL(`../../../../${path}`, import.meta.url))
const networkOf = (onnx: Uint8Array): Network => lowerOnnx(joinGelu(parseOnnx(onnx)))

function outputsOf(network: Network, input: Tensor): number[][] {
  const values = Array.from(input.data, Number)
  const size = values.length / input.dims[0]!
  const samples = Array.from({ length: input.dims[0]! }, (_, i) => values.slice(i * size, (i + 1) * size))
  return samples.map(sample => [...runNetwork(network, sample)[network.output]!])
}

function expectNear(values: readonly number[], golden: ArrayLike<number | bigint>): void {
  expect(values.length).toBe(golden.length)
  const errors = values.map((value, i) => Math.abs(value - Number(golden[i])))
  expect(Math.max(...errors)).toBeLessThan(1e-4)
}

test.each(['iris-ols', 'iris-mlp', 'lenet5'])('%s', name => {
  const golden = JSON.parse(Buffer.from(file(`vectors/models/${name}.json`)).toString())
  const rows = outputsOf(networkOf(file(`models/${name}.onnx`)), decodeTensor(fromHex(golden.input)))
  // The graph leaves the last softmax out.
  const softmax = (row: number[]): number[] => {
    const powers = row.map(value => Math.exp(value - Math.max(...row)))
    return powers.map(power => power / powers.reduce((a, b) => a + b, 0))
  }
  expectNear(
    (name === 'iris-mlp' ? rows.map(softmax) : rows).flat(),
    decodeTensor(fromHex(golden.output)).data,
  )
})

test('a transformer block, its GELU in five nodes', async () => {
  const shape = { tokens: 4, width: 8, heads: 2, hidden: 16 }
  const onnx = transformerOnnx(shape)
  const network = networkOf(onnx)
  expect(network.nodes.filter(node => node.op === 'activation')).toMatchObject([{ f: 'gelu' }])
  const data = Float32Array.from(tokenSamples(shape, 3).flatMap(sample => [...sample]))
  const input: Tensor = { dtype: 'float32', dims: [3, shape.tokens, shape.width], data }
  expectNear(outputsOf(network, input).flat(), (await runOnnx(onnx, input)).data)
})
