import { expect, test } from 'vitest'
import { graphBuilder } from '../graph/build.ts'
import { randomGraph, randomOf } from '../graph/randomGraph.ts'
import { checkGraph } from '../graph/ranges.ts'
import { irisNetwork } from '../graph/samples.ts'
import { emitCircuit } from './emit.ts'
import { estimateCircuit } from './estimate.ts'

test('never less than a circuit has, and little more', () => {
  const random = Array.from({ length: 60 }, (_, seed) => randomGraph(randomOf(seed)))
  const models = [irisNetwork(), ...random.filter(({ graph }) => graph.tables.length === 0)]
  expect(models.length).toBeGreaterThan(10)
  for (const [i, { graph, weights }] of models.entries())
    for (const batch of [1, 7]) {
      const { constraints } = emitCircuit(graph, weights, batch)
      const terms = constraints.reduce((sum, { a, b, c }) => sum + a.length + b.length + c.length, 0)
      const estimate = estimateCircuit(graph, weights, checkGraph(graph, batch))
      expect(estimate.constraints, `${i}`).toBeGreaterThanOrEqual(constraints.length)
      expect(estimate.constraints, `${i}`).toBeLessThan(1.1 * constraints.length)
      expect(estimate.terms, `${i}`).toBeGreaterThanOrEqual(terms)
      expect(estimate.terms, `${i}`).toBeLessThan(1.5 * terms)
    }
})

test('a model past the budget is refused before anything of it is made, with what it would take', () => {
  const { input, build } = graphBuilder({ dims: [1024, 512], lo: -128, hi: 127 })
  const { graph, weights } = build(input.clamp(-100, 100))
  expect(() => emitCircuit(graph, weights)).toThrow(
    expect.objectContaining({
      code: 'model-too-large',
      message: expect.stringMatching(/a circuit of about \d{8} constraints and \d+ terms: at most 2097152/),
    }),
  )
})
