/** Claims and where each goes (docs/zk-soundness.md, section 7). */
import { functionOf } from '../graph/functions.ts'
import type { ColumnName, Graph, Layout } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import { type K, scale, sub, toF } from './field.ts'
import type { VectorClaim } from './opening.ts'
import { valid } from './points.ts'

/** The extension of something is `value` at `point`. */
export type Claim = { point: readonly K[]; value: K }

/** What was claimed and is not yet checked. */
export type Claims = {
  /** Claims on the committed columns, in order of arrival. */
  readonly columns: VectorClaim[]
  /** Claims on the parameters, in order of arrival. */
  readonly parameters: (Claim & { parameter: number })[]
  /** Claims on the input or a virtual tensor, in order of arrival. */
  ofTensor(tensor: number): readonly Claim[]
  /** A claim on a tensor: on its column at once where it is committed. */
  tensor(tensor: number, point: readonly K[], value: K): void
  column(node: number, name: ColumnName, point: readonly K[], value: K): void
  multiplicities(table: number, point: readonly K[], value: K): void
  parameter(parameter: number, point: readonly K[], value: K): void
}

export function createClaims(graph: Graph, layout: Layout): Claims {
  const columns: VectorClaim[] = []
  const parameters: (Claim & { parameter: number })[] = []
  const tensors: Claim[][] = layout.tensors.map(() => [])
  const items = new Map(layout.columns.map(column => [columnKey(column.node, column.name), column]))
  const column: Claims['column'] = (node, name, point, value) => {
    columns.push({ item: items.get(columnKey(node, name))!, point, value })
  }
  return {
    columns,
    parameters,
    ofTensor: tensor => tensors[tensor]!,
    tensor(tensor, point, value) {
      const committed = columnOf(graph, layout, tensor, point, value)
      if (committed) column(tensor - 1, committed.name, point, committed.value)
      else tensors[tensor]!.push({ point, value })
    },
    column,
    multiplicities(table, point, value) {
      columns.push({ item: layout.tables[table]!.multiplicities, point, value })
    },
    parameter(parameter, point, value) {
      parameters.push({ parameter, point, value })
    },
  }
}

const columnKey = (node: number, name: ColumnName): string => `${node} ${name}`

/** The column that a committed tensor is made of, and its value where the tensor's is `value`. */
function columnOf(
  graph: Graph,
  layout: Layout,
  tensor: number,
  point: readonly K[],
  value: K,
): { name: ColumnName; value: K } | undefined {
  const node = graph.nodes[tensor - 1]
  const masked = (constant: number): K => scale(valid(layout.tensors[tensor]!.dims, point), toF(constant))
  if (node?.op === 'lookup')
    return { name: 'y0', value: sub(value, masked(functionOf(graph, node.f).atZero)) }
  if (node?.op === 'max') return { name: 'M', value }
  if (node?.op === 'argmax') {
    const elements = layout.tensors[node.x]!.dims.at(-1)!
    return { name: 'J', value: sub(masked(2 ** bits(elements) - 1), value) }
  }
}
