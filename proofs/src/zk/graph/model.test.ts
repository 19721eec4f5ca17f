import { describe, expect, test } from 'vitest'
import { graphBuilder } from './build.ts'
import { encodeGraph, graphHash } from './encode.ts'
import { hash } from './hash.ts'
import { decodeModel, encodeModel, type Model, modelIdOf } from './model.ts'
import { randomGraph, randomOf } from './randomGraph.ts'

function modelOf(values: number[], root?: Uint8Array): Model {
  const { input, build } = graphBuilder({ dims: [values.length], lo: -1, hi: 1 })
  const { graph, weights } = build(input.dense({ dims: [1, values.length], values }))
  return { graph, weights, scales: Float64Array.of(1, 0.5), ...(root ? { root } : {}) }
}

describe('a model as a file', () => {
  test('has graph, scales and weights, each parameter as narrow as it can be', () => {
    const model = modelOf([-128, 127])
    const graph = encodeGraph(model.graph)
    const head = [0x4e, 0x5a, 0x4b, 0x4d, 1, 0, graph.length, 0, 0, 0]
    const scales = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f]
    expect([...encodeModel(model)]).toEqual([...head, ...graph, ...scales, 1, 0x80, 0x7f])
    expect([...encodeModel(modelOf([-129, 0]))].slice(-5)).toEqual([2, 0x7f, 0xff, 0, 0])
    expect([...encodeModel(modelOf([32768]))].slice(-5)).toEqual([4, 0, 0x80, 0, 0])
  })

  test('comes back as it was', () => {
    for (const model of [modelOf([1, -2]), modelOf([200, 3], new Uint8Array(32).fill(7)), modelOf([1 << 20])])
      expect(decodeModel(encodeModel(model))).toEqual(model)
    for (let seed = 0; seed < 50; seed++) {
      const { graph, weights } = randomGraph(randomOf(seed))
      const model = { graph, weights, scales: new Float64Array(graph.nodes.length + 1).fill(1 / 3) }
      expect(decodeModel(encodeModel(model))).toEqual(model)
    }
  })

  test('keeps nothing of the bytes, also where their slice is no copy', () => {
    class View extends Uint8Array {
      override slice(start?: number, end?: number): View {
        return this.subarray(start, end) as View
      }
    }
    const model = modelOf([1, 300], new Uint8Array(32).fill(7))
    const bytes = new View(encodeModel(model))
    const decoded = decodeModel(bytes)
    bytes.fill(0)
    expect(decoded).toEqual(model)
  })

  test('every beginning is refused, and whatever follows the end', () => {
    const bytes = encodeModel(modelOf([1, 300], new Uint8Array(32)))
    for (let end = 0; end < bytes.length; end++)
      refused('invalid-graph', () => decodeModel(bytes.slice(0, end)))
    refused('invalid-graph', () => decodeModel(Uint8Array.of(...bytes, 0)))
  })

  test('a byte changed is another model or none', () => {
    const bytes = encodeModel(modelOf([1, 300]))
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 0x81
      let model: Model | undefined
      try {
        model = decodeModel(changed)
      } catch {}
      if (model) expect([...encodeModel(model)], `byte ${at}`).toEqual([...changed])
    }
  })

  test('what is not valid is not written or read', () => {
    const model = modelOf([1, 2])
    refused('zk-unsupported-version', () => decodeModel(encodeModel(model).fill(2, 4, 5)))
    refused('invalid-graph', () => encodeModel({ ...model, scales: Float64Array.of(1) }))
    for (const scale of [0, -1, Number.NaN, Infinity])
      refused('invalid-graph', () => encodeModel({ ...model, scales: Float64Array.of(1, scale) }))
    refused('invalid-graph', () => encodeModel({ ...model, root: new Uint8Array(31) }))
    refused('range-overflow', () => encodeModel({ ...model, weights: [Int32Array.of(3, 3)] }))
    refused('weight-out-of-range', () => encodeModel({ ...model, weights: [Int32Array.of(2 ** 29, 3)] }))
    // A wider form of the same values: 1, 2 in two bytes each.
    const bytes = encodeModel(model)
    refused('invalid-graph', () => decodeModel(Uint8Array.of(...bytes.slice(0, -3), 2, 1, 0, 2, 0)))
  })
})

test('a model’s identity is of its graph and its root', () => {
  const root = new Uint8Array(32).fill(9)
  const model = modelOf([1, 2], root)
  expect(modelIdOf(model)).toEqual(hash('model', Uint8Array.of(...graphHash(model.graph), ...root)))
  refused('invalid-graph', () => modelIdOf({ graph: model.graph }))
})

function refused(code: string, make: () => unknown): void {
  expect(make).toThrow(expect.objectContaining({ code }))
}
