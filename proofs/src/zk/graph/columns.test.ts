import { describe, expect, test } from 'vitest'
import { graphBuilder, type Tensor } from './build.ts'
import { padded, type Witness, witnessOf } from './columns.ts'
import type { ColumnName } from './graph.ts'
import { layoutOf } from './layout.ts'
import { randomGraph, randomInput, randomOf } from './randomGraph.ts'
import { run } from './reference.ts'

/** The columns, by name, and multiplicities of one node over x. */
function columnsOf(
  dims: number[],
  x: number[],
  operator: (x: Tensor) => Tensor,
): Partial<Record<ColumnName, number[]>> & { tables: number[][] } {
  const { input, build } = graphBuilder({ dims, lo: Math.min(0, ...x), hi: Math.max(0, ...x) })
  const { graph, weights } = build(operator(input))
  const layout = layoutOf(graph, 1, 1)
  const { columns, multiplicities } = witnessOf(graph, layout, run(graph, weights, Int32Array.from(x)))
  const named = layout.columns.map(({ name }, i) => [name, [...columns[i]!]])
  return { ...Object.fromEntries(named), tables: multiplicities.map(counts => [...counts]) }
}

describe('the honest columns of section 4', () => {
  test('lookup, narrow: remainder and result, at padding too', () => {
    // h = 2: q = ⌊(x + 2) / 4⌋ = -1, 0, 1 and, at padding, 0.
    expect(columnsOf([3], [-3, 1, 5], x => x.clamp(0, 9, { shift: 2 }))).toEqual({
      r0: [3, 3, 3, 2],
      y0: [0, 0, 1, 0],
      // RANGE(2), FUNC(0..9, 2) for q = -2, ..., 1.
      tables: [
        [0, 0, 1, 3],
        [0, 1, 2, 1],
      ],
    })
  })

  test('lookup, narrow: a table’s f(0) is not in its column', () => {
    const f = Int16Array.of(1, 2, 3, 4)
    expect(columnsOf([3], [-2, 0, 1], x => x.table(f)).y0).toEqual([-2, 0, 1, 0])
  })

  test('lookup, wide: where q is against its window, and by how much', () => {
    // o = -2, v = 3: windows of 8 from -10, -2, 6.
    expect(columnsOf([4], [-11, -3, 1, 6], x => x.clamp(-2, 3, { wide: true }))).toMatchObject({
      e: [7, 7, 3, 0],
      c: [-1, -1, 0, 1],
      y0: [-2, -2, 1, 3],
    })
  })

  test('lookup of more than 12 bits: the remainder in two', () => {
    const { r0, r1 } = columnsOf([2], [5, 3 << 13], x => x.clamp(-9, 9, { shift: 14 }))
    // x + 2^13.
    expect([r0, r1]).toEqual([
      [5, 0],
      [2, 0],
    ])
  })

  test('max: M, and z where an element is below it; outside of the true ones neither', () => {
    expect(columnsOf([2, 3], [1, 4, 4, -1, -2, -3], x => x.max())).toMatchObject({
      M: [4, -1],
      z: [1, 0, 0, 0, 0, 1, 1, 0],
      // RANGE(2): n - 1 - Σz, once 1 and once 0.
      tables: [expect.anything(), [1, 1, 0, 0]],
    })
  })

  test('argmax: values and indices in one number, distinct ones', () => {
    // κ = 2: 4·x + 3 - k.
    expect(columnsOf([3], [2, 5, 5], x => x.argmax())).toMatchObject({ M: [22], J: [2], z: [1, 0, 1, 0] })
    const padded = columnsOf([3, 2], [1, 0, 0, 1, -1, -1], x => x.argmax())
    expect(padded).toMatchObject({ M: [3, 2, -1, 0], J: [1, 0, 1, 0], z: [0, 1, 1, 0, 0, 1, 0, 0] })
  })
})

test('padding is a dimension’s own', () => {
  const values = Int32Array.of(1, 2, 3, 4, 5, 6)
  expect([...padded(values, { dims: [2, 3], bits: [1, 2], size: 8 })]).toEqual([1, 2, 3, 0, 4, 5, 6, 0])
  expect([...padded(values, { dims: [3, 2], bits: [2, 1], size: 8 })]).toEqual([1, 2, 3, 4, 5, 6, 0, 0])
})

test('of every valid graph each lookup finds its entry, as often as multiplicities say', () => {
  for (let seed = 0; seed < 150; seed++) {
    const random = randomOf(seed)
    const { graph, weights } = randomGraph(random)
    const batch = random(1, 3)
    const layout = layoutOf(graph, batch, 1)
    const witness: Witness = witnessOf(
      graph,
      layout,
      run(graph, weights, randomInput(random, graph, batch), batch),
    )
    expect(witness.columns.map(({ length }) => length)).toEqual(layout.columns.map(({ size }) => size))
    for (const [t, counts] of witness.multiplicities.entries()) {
      const lookups = layout.lookups.filter(({ table }) => table === t)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(
        lookups.reduce((sum, { size }) => sum + size, 0),
      )
    }
  }
})

test('tensors that are not the graph’s own find no entry', () => {
  const { input, build } = graphBuilder({ dims: [2], lo: -3, hi: 3 })
  const { graph } = build(input.clamp(-3, 3))
  const layout = layoutOf(graph, 1, 1)
  expect(() => witnessOf(graph, layout, [Int32Array.of(4, 0), Int32Array.of(3, 0)])).toThrow(
    expect.objectContaining({ code: 'range-overflow' }),
  )
})
