import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { loadDigits } from '../../../models/train/data/digits.ts'
import { loadIris } from '../../../models/train/data/iris.ts'
import type { Mode } from './graph/graph.ts'
import { layoutOf } from './graph/layout.ts'
import { run } from './graph/reference.ts'
import { type Imported, importOnnx, quantiseInput } from './import/import.ts'
import { prove, registerWeights } from './prover/prove.ts'
import { witnessOf } from './prover/witness.ts'
import { verifyZk } from './verifier/verify.ts'

/** The repository's trained models, from their ONNX files to a verified proof. */

const onnx = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../models/${name}.onnx`, import.meta.url))

const flowers = [...loadIris().training, ...loadIris().heldOut].map(({ features }) =>
  Float32Array.from(features),
)
const { training, heldOut } = loadDigits()

const inputOf = (
  { graph, scales }: Omit<Imported, 'report'>,
  samples: readonly ArrayLike<number>[],
): Int32Array => Int32Array.from(samples.flatMap(sample => [...quantiseInput(graph, scales[0]!, sample)]))

async function proveAndVerify(
  model: Omit<Imported, 'report'>,
  samples: readonly ArrayLike<number>[],
  mode: Mode,
): Promise<number> {
  const { graph, weights } = model
  const input = inputOf(model, samples)
  const batch = samples.length
  const registered = await registerWeights(graph, weights)
  const { proof, outputs } = await prove(registered, input, batch, { mode })
  const reference = run(graph, weights, input, batch)
  expect(outputs).toEqual(graph.outputs.map(output => reference[output]))
  const identity = mode === 0 ? { id: registered.weightsIds[0]! } : { public: weights }
  const { ok, checks } = verifyZk(proof, { graph, weights: identity, batch, input, outputs })
  expect(checks.filter(check => !check.ok)).toEqual([])
  expect(ok).toBe(true)
  return proof.length
}

let lenet: Imported

beforeAll(() => {
  lenet = importOnnx(
    onnx('lenet5'),
    training.slice(0, 30).map(({ pixels }) => pixels),
  )
})

test.each([0, 1] as const)('iris-ols, one flower, mode %s', async mode => {
  expect(await proveAndVerify(importOnnx(onnx('iris-ols'), flowers), flowers.slice(0, 1), mode)).toBeLessThan(
    16_000,
  )
})

test.each([0, 1] as const)('iris-mlp, 500 inputs in one proof, mode %s', async mode => {
  const samples = Array.from({ length: 500 }, (_, i) => flowers[i % flowers.length]!)
  expect(await proveAndVerify(importOnnx(onnx('iris-mlp'), flowers), samples, mode)).toBeLessThan(90_000)
})

test.each([0, 1] as const)('lenet5, one digit, mode %s', async mode => {
  expect(await proveAndVerify(lenet, [heldOut[0]!.pixels], mode)).toBeLessThan(200_000)
})

test.each([
  ['digits-transformer', 'one block, 28 tokens of 64, 4 heads, 256 hidden'],
  ['digits-mlp', '784-1024-256-10, a million parameters'],
])('%s: %s', async name => {
  const samples = training.slice(0, 20)
  const labels = samples.map(({ digit }) => digit)
  const pixels = samples.map(sample => sample.pixels)
  const model = importOnnx(onnx(`zk/${name}`), pixels, { labels })
  expect(model.report.agreement).toBeGreaterThanOrEqual(0.95)
  expect(await proveAndVerify(model, [heldOut[0]!.pixels], 0)).toBeLessThan(400_000)
})

test('digits: prover and reference compute the same integers, of every batch', async () => {
  const { graph, weights } = lenet
  const { engine, integers } = await registerWeights(graph, weights)
  const batch = 8
  const layout = layoutOf(graph, batch, 0)
  const count = process.env.NACRE_LONG === '1' ? heldOut.length : 16
  for (let from = 0; from < count; from += batch) {
    const input = inputOf(
      lenet,
      heldOut.slice(from, from + batch).map(({ pixels }) => pixels),
    )
    const expected = run(graph, weights, input, batch)
    await engine.scoped(async () => {
      const { outputs } = witnessOf(engine, graph, layout, integers, input)
      expect(outputs).toEqual(graph.outputs.map(output => expected[output]))
    })
  }
})
