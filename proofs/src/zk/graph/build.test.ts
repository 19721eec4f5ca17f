import { expect, test } from 'vitest'
import { graphBuilder } from './build.ts'

const byte = { lo: -128, hi: 127 }

test('a graph is built a node at a time, with ranges and widths', () => {
  const { input, build } = graphBuilder({ dims: [2], ...byte })
  const hidden = input.dense({ dims: [2, 2], values: [1, 2, -3, 4] }, { dims: [2], values: [5, 6] })
  const { graph, weights } = build(hidden.clamp(0, 15, { shift: 5 }))
  expect(graph).toEqual({
    input: { dims: [2], ...byte },
    tables: [],
    parameters: [{ dims: [2, 2] }, { dims: [2] }],
    nodes: [
      { op: 'dense', x: 0, weight: 0, bias: 1, lo: -887, hi: 898 },
      // q from -28 to 28.
      {
        ...{ op: 'lookup', x: 1, multiplier: 1, shift: 5, f: { clamp: [0, 15] }, wide: false, width: 6 },
        ...{ lo: 0, hi: 15 },
      },
    ],
    outputs: [2],
  })
  expect(weights).toEqual([Int32Array.of(1, 2, -3, 4), Int32Array.of(5, 6)])
})

test('a lookup is narrow where its window is wide enough, else wide', () => {
  const { input } = graphBuilder({ dims: [1], lo: -5000, hi: 5000 })
  const form = (options: object): unknown => {
    const { input: x, build } = graphBuilder({ dims: [1], lo: -5000, hi: 5000 })
    return build(x.clamp(0, 255, options)).graph.nodes[0]
  }
  expect(form({ shift: 2 })).toMatchObject({ wide: false, width: 12 })
  expect(form({ shift: 3 })).toMatchObject({ wide: false, width: 11 })
  expect(form({ shift: 3, width: 12 })).toMatchObject({ wide: false, width: 12 })
  // u = ⌊q / 256⌋ from -20 to 19.
  expect(form({})).toMatchObject({ wide: true, width: 5 })
  expect(form({ shift: 3, wide: true })).toMatchObject({ wide: true, width: 2 })
  expect(form({ shift: 3, wide: true, width: 7 })).toMatchObject({ wide: true, width: 7 })
  expect(input.index).toBe(0)
})

test('the same array is the same table', () => {
  const { input, build } = graphBuilder({ dims: [1], lo: -2, hi: 1 })
  const [f, g] = [Int16Array.of(-2, 0, 0, 1), Int16Array.of(1, 0, 0, 1)]
  const { graph } = build(input.table(f).table(g), input.table(f))
  expect(graph.tables).toEqual([f, g])
})

test('outputs are ascending, however they are named', () => {
  const { input, build } = graphBuilder({ dims: [1], lo: -2, hi: 1 })
  const [a, b] = [input.clamp(-1, 1), input.clamp(-2, 2)]
  expect(build(b, a).graph.outputs).toEqual([1, 2])
})

test('a refused node leaves the graph as it was', () => {
  const { input, build } = graphBuilder({ dims: [2], ...byte })
  const refused = (code: string, make: () => unknown): void =>
    expect(make).toThrow(expect.objectContaining({ code }))
  refused('shape-mismatch', () => input.dense({ dims: [1, 3], values: [1, 2, 3] }))
  refused('shape-mismatch', () => input.dense({ dims: [1, 2], values: [1, 2, 3] }))
  refused('range-overflow', () => input.dense({ dims: [1, 2], values: [2 ** 28, 0] }))
  refused('range-overflow', () => input.table(new Int16Array(4096), { multiplier: 32767, shift: 0 }))
  refused('shape-mismatch', () => input.permute(1))
  const { graph } = build(input.sum())
  expect([graph.nodes.length, graph.tables.length, graph.parameters.length]).toEqual([1, 0, 0])
  refused('invalid-graph', () => build(input))
})
