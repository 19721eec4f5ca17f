import { describe, expect, test } from 'vitest'
import { functionOf } from './functions.ts'
import type { ColumnName, NodeOf, TableId } from './graph.ts'
import { type Affine, committedOf, tableEntries, tableKey, tableSize } from './lookups.ts'

const graph = { tables: [Int16Array.from([5, 7, 3, -2]), Int16Array.from([1, 1])] }
const clamp = { clamp: [-1, 2] as [number, number] }

/** A table as rows. */
function rows(id: TableId): number[][] {
  const { size, parts } = tableEntries(graph, id)
  expect(size).toBe(tableSize(graph, id))
  return Array.from({ length: size }, (_, i) => parts.map(part => part[i]!))
}

describe('tables of section 2.3', () => {
  test('RANGE and NZ', () => {
    expect(rows({ kind: 'range', width: 2 })).toEqual([[0], [1], [2], [3]])
    expect(rows({ kind: 'range', width: 0 })).toEqual([[0]])
    expect(rows({ kind: 'nz', width: 1 })).toEqual([
      [0, 0],
      [1, 1],
    ])
  })

  test('SIGN', () => {
    expect(rows({ kind: 'sign', width: 1 })).toEqual([
      [0, -1],
      [1, -1],
      [2, 0],
      [3, 1],
    ])
    expect(rows({ kind: 'sign', width: 0 })).toEqual([
      [0, -1],
      [1, 0],
    ])
  })

  test('FUNC of a clamp, and of a table, without f(0)', () => {
    expect(rows({ kind: 'func', width: 3, f: clamp }).map(([, y]) => y)).toEqual([-1, -1, -1, -1, 0, 1, 2, 2])
    expect(rows({ kind: 'func', width: 2, f: { table: 0 } })).toEqual([
      [0, 2],
      [1, 4],
      [2, 0],
      [3, -5],
    ])
  })

  test('SAT: below, in and above the window, and the last entry again', () => {
    // o = -1, v = 2: the window is -1, ..., 2.
    expect(rows({ kind: 'sat', width: 0, f: clamp })).toEqual([
      ...[0, 1, 2, 3].map(e => [0, e, -1]),
      ...[-1, 0, 1, 2].map((y, e) => [1, e, y]),
      ...[0, 1, 2, 3].map(e => [2, e, 2]),
      ...[0, 1, 2, 3].map(() => [2, 3, 2]),
    ])
    const f0 = 3
    expect(rows({ kind: 'sat', width: 0, f: { table: 0 } }).map(([, , y]) => y! + f0)).toEqual([
      ...[5, 5, 5, 5],
      ...[5, 7, 3, -2],
      ...[-2, -2, -2, -2],
      ...[-2, -2, -2, -2],
    ])
  })

  test('equal kind and parameters, and only those, are the same table', () => {
    const ids: TableId[] = [
      { kind: 'range', width: 3 },
      { kind: 'nz', width: 3 },
      { kind: 'range', width: 4 },
      { kind: 'func', width: 3, f: { clamp: [0, 1] } },
      { kind: 'func', width: 3, f: { clamp: [0, 11] } },
      { kind: 'func', width: 3, f: { table: 0 } },
      { kind: 'func', width: 3, f: { table: 1 } },
      { kind: 'sat', width: 0, f: { table: 0 } },
    ]
    expect(new Set(ids.map(tableKey)).size).toBe(ids.length)
    expect(tableKey(ids[3]!)).toBe(tableKey(structuredClone(ids[3]!)))
  })
})

test('a clamp to one value has a window of two', () => {
  expect(functionOf(graph, { clamp: [0, 0] })).toMatchObject({ offset: 0, bits: 1, atZero: 0 })
})

type Columns = Partial<Record<ColumnName, number>>

/** Every way to fill a lookup's columns, with numbers from -5 to 4, that satisfies all of its lookups at x. */
function solutions(node: NodeOf<'lookup'>, x: number): Columns[] {
  const { columns, lookups } = committedOf(graph, node, [1])
  const entries = lookups.map(({ table }) => new Set(rows(table).map(row => row.join())))
  const found: Columns[] = []
  const fill = (index: number, values: Columns): void => {
    if (index < columns.length) {
      for (let value = -5; value <= 4; value++) fill(index + 1, { ...values, [columns[index]!.name]: value })
    } else if (
      lookups.every(({ triple }, i) => entries[i]!.has(triple.map(part => evaluate(part, x, values)).join()))
    )
      found.push(values)
  }
  fill(0, {})
  return found
}

/** Over the integers: a quotient that is not whole is in no table, as it is in none over F where 2.4 holds. */
function evaluate({ terms, constant, shift }: Affine, x: number, columns: Columns): number {
  const sum = terms.reduce(
    (total, { value, factor }) => total + factor * (value === 'x' ? x : columns[value as ColumnName]!),
    constant,
  )
  return sum / 2 ** shift
}

describe('the columns of section 4 are the only ones that satisfy a lookup', () => {
  const node = { op: 'lookup', x: 0, multiplier: 3, shift: 1, lo: -2, hi: 7 } as const
  const cases: [string, Omit<NodeOf<'lookup'>, keyof typeof node>][] = [
    ['narrow, a clamp', { f: clamp, wide: false, width: 4 }],
    ['narrow, a table', { f: { table: 0 }, wide: false, width: 2 }],
    ['wide, a clamp', { f: clamp, wide: true, width: 2 }],
    ['wide, a table', { f: { table: 0 }, wide: true, width: 2 }],
  ]
  test.each(cases)('%s', (_, rest) => {
    const lookup = { ...node, ...rest }
    const { at, atZero, offset, bits: v } = functionOf(graph, lookup.f)
    for (let x = -4; x <= 3; x++) {
      const q = Math.floor((3 * x + 1) / 2)
      const fits = lookup.wide || (q >= -(2 ** (lookup.width - 1)) && q < 2 ** (lookup.width - 1))
      const u = Math.floor((q - offset) / 2 ** v)
      const r0 = 3 * x + 1 - 2 * q
      const y0 = at(q) - atZero
      const honest = lookup.wide ? { r0, e: q - offset - 2 ** v * u, c: Math.sign(u), y0 } : { r0, y0 }
      expect(solutions(lookup, x)).toEqual(fits ? [honest] : [])
    }
  })
})

test('a remainder of more than 12 bits is two columns, each with its own table', () => {
  const node = {
    op: 'lookup',
    x: 0,
    multiplier: 1,
    shift: 14,
    f: clamp,
    wide: false,
    width: 4,
    lo: 0,
    hi: 0,
  } as const
  const { columns, lookups } = committedOf(graph, node, [1])
  expect(columns.map(({ name }) => name)).toEqual(['r0', 'r1', 'y0'])
  expect(lookups.map(({ table }) => table.width)).toEqual([12, 2, 4])
  expect(lookups[2]!.triple[0]).toEqual({
    terms: [
      { value: 'x', factor: 1 },
      { value: 'r0', factor: -1 },
      { value: 'r1', factor: -4096 },
    ],
    constant: 2 ** 13 + 2 ** 17,
    shift: 14,
  })
})
