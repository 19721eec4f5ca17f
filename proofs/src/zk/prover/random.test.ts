import fc from 'fast-check'
import { expect, test } from 'vitest'
import { padded, witnessOf as referenceWitness } from '../graph/columns.ts'
import { layoutOf } from '../graph/layout.ts'
import { randomGraph, randomInput, randomOf } from '../graph/randomGraph.ts'
import { run } from '../graph/reference.ts'
import { proveSlowly } from '../slow/prove.ts'
import { verifyZk } from '../verifier/verify.ts'
import { prove, registerWeights } from './prove.ts'
import { witnessOf } from './witness.ts'

const cases = fc.record({ seed: fc.nat(), batch: fc.integer({ min: 1, max: 3 }) })

/** A random network with inputs, the edges of their range among them. */
function drawn({ seed, batch }: { seed: number; batch: number }) {
  const random = randomOf(seed)
  const { graph, weights } = randomGraph(random)
  return { graph, weights, batch, input: randomInput(random, graph, batch) }
}

test('tensors, columns and multiplicities are the reference’s', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async drawing => {
      const { graph, weights, batch, input } = drawn(drawing)
      const { engine, integers } = await registerWeights(graph, weights)
      const layout = layoutOf(graph, batch, 1)
      const tensors = run(graph, weights, input, batch)
      const { columns, multiplicities } = referenceWitness(graph, layout, tensors)
      engine.scoped(() => {
        const witness = witnessOf(engine, graph, layout, integers, input)
        const at = (address: number, size: number): Int32Array => engine.integers(address, size).slice()
        for (const [i, shape] of layout.tensors.entries())
          expect(at(witness.tensors[i]!, shape.size)).toEqual(padded(tensors[i]!, shape))
        for (const [i, { offset, size }] of layout.columns.entries())
          expect(at(witness.d + 4 * offset, size)).toEqual(columns[i])
        for (const [i, { multiplicities: item }] of layout.tables.entries())
          expect(at(witness.d + 4 * item.offset, item.size)).toEqual(multiplicities[i])
        expect(witness.outputs).toEqual(graph.outputs.map(output => tensors[output]))
      })
    }),
    { numRuns: 60 },
  )
})

test('whatever the network and its inputs, a proof is made and accepted', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async drawing => {
      const { graph, weights, batch, input } = drawn(drawing)
      const model = await registerWeights(graph, weights)
      for (const mode of model.commitment ? ([0, 1] as const) : ([1] as const)) {
        const { proof, outputs } = await prove(model, input, batch, { mode })
        const identity = mode === 0 ? { id: model.weightsIds[0]! } : { public: weights }
        const { ok, checks } = verifyZk(proof, { graph, weights: identity, batch, input, outputs })
        expect({ ok, failed: checks.filter(check => !check.ok) }).toEqual({ ok: true, failed: [] })
      }
    }),
    { numRuns: 30 },
  )
})

test.each([1, 2])('of the random network %i, too, the proof is the slow prover’s', async seed => {
  const { graph, weights, batch, input } = drawn({ seed, batch: 2 })
  const model = await registerWeights(graph, weights)
  const mode = model.commitment ? 0 : 1
  const { proof } = await prove(model, input, batch, { mode })
  expect(proof).toEqual(proveSlowly({ graph, weights, batch, input, mode }).proof)
})
