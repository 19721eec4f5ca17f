import type { ColumnName, Graph, Mode, Node, TableId } from '../graph/graph.ts'
import { bits } from './points.ts'
import { paddedSize, type Shape, shapesOf } from './shapes.ts'

/** Section 4 of docs/zk-soundness.md, derived a second time: a mistake in graph/layout.ts shows as other bytes. */

export type Packed = { size: number; offset: number }
export type Column = Packed & { node: number; name: ColumnName }
/** `id` is the table's number from 1. */
export type Lookup = Packed & { node: number; id: number }
export type Table = Packed & { id: TableId; multiplicities: Packed }
/** rows × 2^c, of which `mu` coordinates say an element's place. */
export type Matrix = { c: number; rows: number; mu: number }

export type SlowLayout = {
  shapes: Shape[]
  columns: Column[]
  lookups: Lookup[]
  tables: Table[]
  parameters: Packed[]
  /** Number of coordinates of a leaf. */
  nu: number
  D?: Matrix
  W?: Matrix
}

export const QUERIES = 152

/** Level of a tree whose 64 nodes are sent. */
export const CAP_LEVEL = 6

export function slowLayout(graph: Graph, batch: number, mode: Mode): SlowLayout {
  const shapes = shapesOf(graph, batch)
  const columns: Column[] = []
  const lookups: Lookup[] = []
  const ids: TableId[] = []
  graph.nodes.forEach((node, index) => {
    const { columns: named, lookups: used } = committed(node)
    const sizeOf = (of: 'x' | 'y'): number => shapes[of === 'x' && 'x' in node ? node.x : index + 1]!.size
    for (const [name, of] of named) columns.push({ node: index, name, size: sizeOf(of), offset: 0 })
    for (const [id, of] of used(graph, shapes))
      lookups.push({ node: index, id: numberOf(ids, id), size: sizeOf(of), offset: 0 })
  })
  const tables = ids.map(id => {
    const size = tableSize(graph, id)
    return { id, size, offset: 0, multiplicities: { size, offset: 0 } }
  })
  const parameters = graph.parameters.map(({ dims }) => ({ size: paddedSize(dims), offset: 0 }))
  const totalD = pack([...columns, ...tables.map(table => table.multiplicities)])
  const leaves = pack([...lookups, ...tables])
  const totalW = pack(parameters)
  return {
    shapes,
    columns,
    lookups,
    tables,
    parameters,
    nu: bits(leaves),
    ...(totalD > 0 && { D: matrixOf(totalD) }),
    ...(mode === 0 && totalW > 0 && { W: matrixOf(totalW) }),
  }
}

/** Offsets by descending size, equals in list order. Returns the total. */
export function pack(items: readonly Packed[]): number {
  let total = 0
  for (const item of [...items].sort((a, b) => b.size - a.size)) {
    item.offset = total
    total += item.size
  }
  return total
}

/** The c in 6..13 that makes a proof shortest; among equals the smallest. */
export function matrixOf(total: number): Matrix {
  const rowsOf = (c: number): number => Math.ceil(total / 2 ** c)
  const cost = (c: number): number => 16 * 2 ** c + 608 * rowsOf(c) + 4864 * (c - 4)
  const c = [6, 7, 8, 9, 10, 11, 12, 13].reduce((best, other) => (cost(other) < cost(best) ? other : best))
  return { c, rows: rowsOf(c), mu: bits(rowsOf(c)) + c }
}

type Used = [TableId, 'x' | 'y'][]
type Committed = {
  columns: [ColumnName, 'x' | 'y'][]
  lookups: (graph: Graph, shapes: readonly Shape[]) => Used
}

/** How many bits of a remainder the first and the second column hold. */
export const remainderBits = (shift: number): [number, number] => [
  Math.min(shift, 12),
  Math.max(0, shift - 12),
]

/** A row of section 4's first table, with the vectors' sizes: of the node's input or output. */
function committed(node: Node): Committed {
  const range = (width: number): TableId => ({ kind: 'range', width })
  if (node.op === 'lookup') {
    const { f, width } = node
    const [s0, s1] = remainderBits(node.shift)
    const names: ColumnName[] = [...(s0 > 0 ? (['r0'] as const) : []), ...(s1 > 0 ? (['r1'] as const) : [])]
    names.push(...(node.wide ? (['e', 'c', 'y0'] as const) : (['y0'] as const)))
    const ids = [s0, s1].filter(s => s > 0).map(range)
    ids.push(...functionTables(f, width, node.wide))
    return { columns: names.map(name => [name, 'x']), lookups: () => ids.map(id => [id, 'x']) }
  }
  if (node.op === 'max')
    return {
      columns: [
        ['M', 'y'],
        ['z', 'x'],
      ],
      lookups: (_, shapes) => [
        [{ kind: 'nz', width: node.width }, 'x'],
        [range(bits(reducedCount(shapes[node.x]!.dims, node.count))), 'y'],
      ],
    }
  if (node.op === 'argmax')
    return {
      columns: [
        ['M', 'y'],
        ['J', 'y'],
        ['z', 'x'],
      ],
      lookups: (_, shapes) => {
        const kappa = bits(shapes[node.x]!.dims.at(-1)!)
        return [
          [{ kind: 'nz', width: node.width }, 'x'],
          [range(kappa), 'y'],
          [range(kappa), 'y'],
          [range(node.window), 'y'],
        ]
      },
    }
  return { columns: [], lookups: () => [] }
}

const functionTables = (f: TableId['f'] & object, width: number, wide: boolean): TableId[] =>
  wide
    ? [
        { kind: 'sign', width },
        { kind: 'sat', width: 0, f },
      ]
    : [{ kind: 'func', width, f }]

/** Elements of one maximum over the last `count` dimensions. */
export const reducedCount = (dims: readonly number[], count: number): number =>
  dims.slice(dims.length - count).reduce((n, dim) => n * dim, 1)

function numberOf(ids: TableId[], id: TableId): number {
  const key = JSON.stringify(id)
  const known = ids.findIndex(other => JSON.stringify(other) === key)
  return known >= 0 ? known + 1 : ids.push(id)
}

function tableSize(graph: Graph, { kind, width, f }: TableId): number {
  if (kind === 'sign') return 2 ** (width + 1)
  if (kind !== 'sat') return 2 ** width
  if ('table' in f!) return 4 * graph.tables[f.table]!.length
  return 4 * Math.max(2, 2 ** bits(f!.clamp[1] - f!.clamp[0] + 1))
}
