import { expect, test } from 'vitest'
import { tinyAttention, tinyPictures, tinyRegression } from '../../../../vectors/zk/tiny.ts'
import { layoutOf } from '../graph/layout.ts'
import { randomInput, randomOf } from '../graph/randomGraph.ts'
import { irisNetwork, leNet, transformer } from '../graph/samples.ts'
import { proveSlowly } from '../slow/prove.ts'
import { verifyZk } from '../verifier/verify.ts'
import { estimateMemory, prove, registerWeights } from './prove.ts'

const tiny = [tinyRegression, tinyPictures, tinyAttention].map(make => ({ name: make.name, make }))

test.each(tiny)('$name: proofs are the slow prover’s, byte for byte', async ({ make }) => {
  const { graph, weights, batch, input } = make()
  const model = await registerWeights(graph, weights)
  for (const mode of [0, 1] as const) {
    const slow = proveSlowly({ graph, weights, batch, input, mode })
    const { proof, outputs } = await prove(model, Int32Array.from(input), batch, { mode })
    expect(outputs).toEqual(slow.outputs)
    expect(model.weightsIds[mode]).toEqual(slow.weightsId)
    expect(proof).toEqual(slow.proof)
  }
})

test('steps are reported as they begin', async () => {
  const { graph, weights, batch, input } = tinyPictures()
  const steps: string[] = []
  await prove(await registerWeights(graph, weights), Int32Array.from(input), batch, {
    progress: step => steps.push(step),
  })
  expect(steps).toEqual(['witness', 'columns', 'lookups', 'values', 'linear', 'openings'])
})

test.each([
  { name: 'LeNet', sample: leNet(), batch: 2 },
  { name: 'Iris’ network', sample: irisNetwork(), batch: 500 },
  { name: 'a transformer block', sample: transformer(), batch: 1 },
])('$name: proofs verify, and take no more memory than was estimated', async ({ sample, batch }) => {
  const { graph, weights } = sample
  const model = await registerWeights(graph, weights)
  const input = randomInput(randomOf(1), graph, batch)
  const { proof, outputs } = await prove(model, input, batch)
  const id = model.weightsIds[0]!
  expect(verifyZk(proof, { graph, weights: { id }, batch, input, outputs }).ok).toBe(true)
  const estimate = estimateMemory(layoutOf(graph, batch, 0))
  expect(model.engine.peak).toBeLessThan(estimate)
  expect(model.engine.peak).toBeGreaterThan(estimate / 2)
})

test('a proof that is estimated to take more than the budget is refused before it begins', async () => {
  const { graph, weights } = leNet()
  const model = await registerWeights(graph, weights)
  const input = randomInput(randomOf(1), graph, 1)
  const steps: string[] = []
  const refused = prove(model, input, 1, { memory: 1e6, progress: step => steps.push(step) })
  const message = expect.stringMatching(/takes \d+ MB, the budget is 1 MB/)
  await expect(refused).rejects.toMatchObject({ code: 'model-too-large', message })
  expect(steps).toEqual([])
})

test('inputs that do not fit the graph are refused, and the model proves on', async () => {
  const { graph, weights, batch, input } = tinyRegression()
  const model = await registerWeights(graph, weights)
  const values = Int32Array.from(input)
  const { proof } = await prove(model, values, batch)
  await expect(prove(model, values.subarray(1), batch)).rejects.toMatchObject({ code: 'invalid-input' })
  const outside = values.map((value, i) => (i === 0 ? graph.input.hi + 1 : value))
  await expect(prove(model, outside, batch)).rejects.toMatchObject({ code: 'invalid-input' })
  expect((await prove(model, values, batch)).proof).toEqual(proof)
})
