import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomIntegers } from '../../../scripts/models.ts'
import { randomModel } from '../../../scripts/randomModel.ts'
import { sizeOf } from '../graph/limits.ts'
import { checkGraph, checkWeights } from '../graph/ranges.ts'
import { proveSlowly } from '../slow/prove.ts'
import { verifyZk } from '../verifier/verify.ts'
import { prove, registerWeights } from './prove.ts'

/** A few random networks leave their ranges. */
function isValid(seed: number): boolean {
  const { graph, weights } = randomModel(seed)
  try {
    checkGraph(graph)
    checkWeights(graph, weights)
    return true
  } catch {
    return false
  }
}

test('whatever the network and its inputs, up to the ends of their ranges, its proof is made and accepted', async () => {
  const cases = fc.record({
    seed: fc.nat().filter(isValid),
    batch: fc.integer({ min: 1, max: 3 }),
    values: fc.constantFrom('lowest', 'highest', 'random'),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ seed, batch, values }) => {
      const { graph, weights } = randomModel(seed)
      const { dims, lo, hi } = graph.input
      const [from, to] = values === 'lowest' ? [lo, lo] : values === 'highest' ? [hi, hi] : [lo, hi]
      const input = randomIntegers(seed)(batch * sizeOf(dims), from, to)
      const model = await registerWeights(graph, weights)
      for (const mode of model.commitment ? ([0, 1] as const) : ([1] as const)) {
        const { proof, outputs } = await prove(model, input, batch, { mode })
        const identity = mode === 0 ? { id: model.weightsIds[0]! } : { public: weights }
        const { ok, checks } = verifyZk(proof, { graph, weights: identity, batch, input, outputs })
        expect({ ok, failed: checks.filter(check => !check.ok) }).toEqual({ ok: true, failed: [] })
      }
    }),
    { numRuns: 40 },
  )
})

test.each([12, 19])('of the random network %i, too, the proof is the slow prover’s', async seed => {
  const { graph, weights } = randomModel(seed)
  const input = randomIntegers(seed)(2 * sizeOf(graph.input.dims), graph.input.lo, graph.input.hi)
  const model = await registerWeights(graph, weights)
  const { proof } = await prove(model, input, 2)
  expect(proof).toEqual(proveSlowly({ graph, weights, batch: 2, input, mode: 0 }).proof)
})
