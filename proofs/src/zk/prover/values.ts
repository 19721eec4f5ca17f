/** The values that the leaves' claims are made of, docs/zk-soundness.md section 7, step 4. */
import type { ColumnName, Graph, Layout } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import { isCommitted } from '../graph/lookups.ts'
import type { Prover } from './channel.ts'
import type { Claims } from './claims.ts'
import type { Address } from './engine.ts'
import { evaluate } from './evaluate.ts'
import { HALF, type K } from './field.ts'

/** Sends them and claims each. d is the packed vector in F, tensors are vectors in F. */
export function sendValues(
  { engine, channel }: Prover,
  { nodes }: Graph,
  { tensors: shapes, columns, tables }: Layout,
  vectors: { d: Address; tensors: Address[] },
  rho: readonly K[],
  claims: Claims,
): void {
  const values: K[] = []
  const last = (count: number): K[] => rho.slice(rho.length - count)
  const column = (node: number, name: ColumnName, point: K[]): void => {
    const { offset } = columns.find(item => item.node === node && item.name === name)!
    const value = evaluate(engine, vectors.d + 4 * offset, point)
    values.push(value)
    claims.onColumn(node, name, point, value)
  }
  for (const [j, node] of nodes.entries()) {
    if (!isCommitted(node)) continue
    const [a, kept] = [node.x, j + 1].map(tensor => bits(shapes[tensor]!.size)) as [number, number]
    const point = last(a)
    const x = evaluate(engine, vectors.tensors[node.x]!, point)
    values.push(x)
    claims.onTensor(node.x, point, x)
    if (node.op === 'lookup') {
      for (const { name } of columns.filter(item => item.node === j)) column(j, name, point)
      continue
    }
    column(j, 'M', point.slice(0, kept))
    column(j, 'z', point)
    column(j, 'z', [...last(kept), ...new Array<K>(a - kept).fill(HALF)])
    if (node.op === 'argmax') {
      column(j, 'M', last(kept))
      column(j, 'J', last(kept))
    }
  }
  for (const { multiplicities, size } of tables) {
    const point = last(bits(size))
    const value = evaluate(engine, vectors.d + 4 * multiplicities.offset, point)
    values.push(value)
    claims.onItem(multiplicities, point, value)
  }
  channel.send('values', ...values)
}
