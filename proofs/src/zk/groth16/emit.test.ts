import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadIris } from '../../../../models/train/data/iris.ts'
import { graphBuilder } from '../graph/build.ts'
import { sizeOf } from '../graph/limits.ts'
import { type Random, randomGraph, randomInput, randomOf } from '../graph/randomGraph.ts'
import { run } from '../graph/reference.ts'
import { irisNetwork, leNet } from '../graph/samples.ts'
import { importOnnx, quantiseInput } from '../import/import.ts'
import type { Constraint } from './circuit.ts'
import { emitCircuit, type ModelCircuit } from './emit.ts'
import { MODULUS } from './field.ts'
import { inputCommitment, signalsOf } from './packing.ts'
import { firstViolated, outputsOf, witnessOf } from './witness.ts'

/** The witness, after all that must hold of it does. */
function honest(circuit: ModelCircuit, weights: Int32Array[], input: Int32Array): bigint[] {
  const { graph, batch } = circuit
  const witness = witnessOf(circuit, input)
  expect(firstViolated(circuit, witness)).toBeUndefined()
  const reference = run(graph, weights, input, batch)
  const outputs = graph.outputs.map(output => reference[output]!)
  expect(outputsOf(circuit, witness)).toEqual(outputs)
  const signals = signalsOf(graph, inputCommitment(graph, input, batch), outputs, batch)
  expect(circuit.signals).toBe(signals.length)
  expect(witness.slice(1, 1 + signals.length)).toEqual(signals)
  return witness
}

/** The constraints that each wire is in: whether others hold does not depend on it. */
function constraintsOf({ constraints }: ModelCircuit): Map<number, Constraint[]> {
  const by = new Map<number, Constraint[]>()
  for (const constraint of constraints) {
    const { a, b, c } = constraint
    for (const wire of new Set([...a, ...b, ...c].map(([wire]) => wire)))
      by.set(wire, [...(by.get(wire) ?? []), constraint])
  }
  by.delete(0)
  return by
}

/** Some wires, each with some other value. */
function expectBinding(random: Random, circuit: ModelCircuit, witness: bigint[], samples: number): void {
  const by = constraintsOf(circuit)
  for (let i = 0; i < samples; i++) {
    const wire = i < circuit.signals ? 1 + i : random(1, circuit.wires - 1)
    const other = [1n, MODULUS - 1n, BigInt(random(2, 2 ** 30))][random(0, 2)]!
    const changed = witness.with(wire, (witness[wire]! + other) % MODULUS)
    expect(
      firstViolated({ ...circuit, constraints: by.get(wire) ?? [] }, changed),
      `wire ${wire}`,
    ).toBeDefined()
  }
}

const hasTables = (graph: { tables: unknown[] }): boolean => graph.tables.length > 0

test('random graphs: the witness is the reference’s, and no other value of any wire is', () => {
  const seen = new Set<string>()
  for (let seed = 0, made = 0; made < 40; seed++) {
    const random = randomOf(seed)
    const { graph, weights } = randomGraph(random, 5)
    if (hasTables(graph)) continue
    made++
    for (const { op } of graph.nodes) seen.add(op)
    const batch = random(1, 2)
    const circuit = emitCircuit(graph, weights, batch)
    const witness = honest(circuit, weights, randomInput(random, graph, batch))
    honest(circuit, weights, randomInput(random, graph, batch))
    expectBinding(random, circuit, witness, 6)
  }
  expect(seen.size).toBe(12)
})

test('every wire of a small circuit is bound', () => {
  const { input, build } = graphBuilder({ dims: [3], lo: -5, hi: 6 })
  const weight = { dims: [3, 3], values: [3, -2, 1, 1, 4, -1, -2, 0, 5] }
  const hidden = input.dense(weight).clamp(-2, 4, { multiplier: 3, shift: 3 })
  const { graph, weights } = build(hidden.max(), hidden.mul(input).argmax())
  const circuit = emitCircuit(graph, weights)
  const witness = honest(circuit, weights, Int32Array.of(-5, 6, 1))
  const by = constraintsOf(circuit)
  for (let wire = 1; wire < circuit.wires; wire++)
    for (const other of [witness[wire]! + 1n, MODULUS - 1n - witness[wire]!]) {
      const changed = witness.with(wire, other % MODULUS)
      expect(
        firstViolated({ ...circuit, constraints: by.get(wire) ?? [] }, changed),
        `wire ${wire}`,
      ).toBeDefined()
    }
})

describe('clamped quotients are the reference’s for every value', () => {
  test.each([
    ...[
      [0, 15, 3, 1],
      [-7, 8, 0, 1],
      [-3, 0, 2, 3],
      [0, 0, 1, 1],
      [-127, 127, 5, 40],
      [0, 5, 0, 1],
      [-1, 1, 7, 1],
    ],
  ])('from %i to %i, shift %i, multiplier %i', (a, b, shift, multiplier) => {
    for (const [lo, hi] of [
      [-20, 20],
      [0, 33],
      [-17, 0],
      [-1, 0],
    ] as const) {
      const { input, build } = graphBuilder({ dims: [hi - lo + 1], lo, hi })
      const { graph, weights } = build(input.clamp(a!, b!, { shift: shift!, multiplier: multiplier! }))
      const values = Int32Array.from({ length: hi - lo + 1 }, (_, i) => lo + i)
      honest(emitCircuit(graph, weights), weights, values)
    }
  })
})

test('inputs outside of their range have no witness, and bits beyond a number’s none either', () => {
  const { input, build } = graphBuilder({ dims: [1], lo: -2, hi: 3 })
  const { graph, weights } = build(input.add(input))
  const circuit = emitCircuit(graph, weights)
  expect(() => witnessOf(circuit, Int32Array.of(4))).toThrow(
    expect.objectContaining({ code: 'zk-value-out-of-range' }),
  )
  expect(() => witnessOf(circuit, Int32Array.of(1, 1))).toThrow(
    expect.objectContaining({ code: 'invalid-input' }),
  )
  // 6 and 7 have three bits as 0 to 5 have.
  const unchecked = { ...circuit, graph: { ...graph, input: { ...graph.input, hi: 5 } } }
  for (const value of [4, 5])
    expect(firstViolated(circuit, witnessOf(unchecked, Int32Array.of(value)))).toBeDefined()
})

test('a table is refused by the name of its node', () => {
  const { input, build } = graphBuilder({ dims: [1], lo: -2, hi: 1 })
  const { graph, weights } = build(input.table(Int16Array.of(1, 2, 3, 4)))
  expect(() => emitCircuit(graph, weights)).toThrow(
    expect.objectContaining({
      code: 'unsupported-operator',
      message: expect.stringContaining('node 0 (lookup)'),
    }),
  )
})

describe('the repository’s models', () => {
  const flowers = loadIris().heldOut.map(({ features }) => Float32Array.from(features))
  test.each([
    ['iris-ols', 1],
    ['iris-mlp', 3],
  ])('%s', (name, batch) => {
    const bytes = readFileSync(new URL(`../../../../models/${name}.onnx`, import.meta.url))
    const { graph, weights, scales } = importOnnx(bytes, flowers)
    const circuit = emitCircuit(graph, weights, batch)
    for (let from = 0; from + batch <= 12; from += batch) {
      const samples = flowers.slice(from, from + batch)
      const input = Int32Array.from(samples.flatMap(flower => [...quantiseInput(graph, scales[0]!, flower)]))
      expectBinding(randomOf(from), circuit, honest(circuit, weights, input), 3)
    }
  })
})

describe('sizes', () => {
  const sizeOfCircuit = ({ constraints, wires, inputs }: ModelCircuit): number[] => [
    constraints.length,
    wires,
    inputs,
  ]

  test('the iris network, and what each further input adds', () => {
    const { graph, weights } = irisNetwork()
    const sizes = [1, 2].map(batch => sizeOfCircuit(emitCircuit(graph, weights, batch)))
    expect(sizes).toEqual([
      [579, 564, 4],
      [919, 888, 8],
    ])
  })

  test('LeNet-5 in the textbook’s order', () => {
    const { graph, weights } = leNet()
    const circuit = emitCircuit(graph, weights)
    expect(circuit.inputs).toBe(sizeOf(graph.input.dims))
    expect(sizeOfCircuit(circuit)).toEqual([163_756, 157_249, 784])
  })
})
