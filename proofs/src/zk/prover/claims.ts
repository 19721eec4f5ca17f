/** Claims "the extension of T at r is v" and where they go, docs/zk-soundness.md section 7. */
import { functionOf } from '../graph/functions.ts'
import type { ColumnName, Graph, Item, Layout } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import { fromInteger, type K, mul, sub } from './field.ts'
import type { PackedClaim } from './open.ts'
import { valid } from './points.ts'

/** The extension at a point. */
export type Claim = { point: K[]; value: K }

export type Claims = {
  /** Of virtual tensors; the verifier checks those of tensor 0. */
  tensors: Claim[][]
  d: PackedClaim[]
  w: PackedClaim[]
  onTensor(tensor: number, point: K[], value: K): void
  onColumn(node: number, name: ColumnName, point: K[], value: K): void
  onItem(item: Item, point: K[], value: K): void
  onParameter(parameter: number, point: K[], value: K): void
}

export function claimsOf(graph: Graph, layout: Layout): Claims {
  const columns = new Map(layout.columns.map(column => [`${column.node} ${column.name}`, column]))
  const claims: Claims = {
    tensors: layout.tensors.map(() => []),
    d: [],
    w: [],
    onTensor(tensor, point, value) {
      const node = graph.nodes[tensor - 1]
      const { dims } = layout.tensors[tensor]!
      const [j, constant] = [tensor - 1, (z: number): K => mul(fromInteger(z), valid(dims, point))]
      if (node?.op === 'lookup') {
        const { atZero } = functionOf(graph, node.f)
        claims.onColumn(j, 'y0', point, atZero === 0 ? value : sub(value, constant(atZero)))
      } else if (node?.op === 'max') claims.onColumn(j, 'M', point, value)
      else if (node?.op === 'argmax') {
        const kappa = bits(layout.tensors[node.x]!.dims.at(-1)!)
        claims.onColumn(j, 'J', point, sub(constant(2 ** kappa - 1), value))
      } else claims.tensors[tensor]!.push({ point, value })
    },
    onColumn(node, name, point, value) {
      claims.onItem(columns.get(`${node} ${name}`)!, point, value)
    },
    onItem(item, point, value) {
      claims.d.push({ item, point, value })
    },
    onParameter(parameter, point, value) {
      claims.w.push({ item: layout.parameters[parameter]!, point, value })
    },
  }
  return claims
}
