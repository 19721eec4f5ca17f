import type { ColumnName, Graph, NodeOf } from '../graph/graph.ts'
import { type F, inverseF, P, signed, toF } from './field.ts'
import { reducedCount, remainderBits } from './layout.ts'
import { bits } from './points.ts'
import { indicesOf, paddedSize, positionOf, type Shape } from './shapes.ts'
import { functionOf, windowOf } from './tables.ts'

/** Committed operators of docs/zk-soundness.md, section 4: honest columns, the triples looked up, the tensor. */

export type Columns = Partial<Record<ColumnName, F[]>>
export type Triple = readonly [F, F, F]
export type CommittedNode = NodeOf<'lookup'> | NodeOf<'max'> | NodeOf<'argmax'>

/** What a committed node looks up, and its tensor, from columns that may be another than the honest ones. */
export type Committed = {
  columns: Columns
  triples: (columns: Columns) => Triple[][]
  tensor: (columns: Columns) => F[]
}

const mod = (value: bigint): F => ((value % P) + P) % P
const isTrue = (dims: readonly number[]): boolean[] => {
  const mask = new Array<boolean>(paddedSize(dims)).fill(false)
  for (const index of indicesOf(dims)) mask[positionOf(dims, index)] = true
  return mask
}

/** Half of 2^shift, or 0: what makes the floor a rounding. */
export const roundingOf = (shift: number): number => (shift === 0 ? 0 : 2 ** (shift - 1))

export function commitLookup(graph: Graph, node: NodeOf<'lookup'>, x: readonly F[], shape: Shape): Committed {
  const { multiplier, shift, width, wide } = node
  const f = functionOf(graph, node.f)
  const { o, v } = windowOf(graph, node.f)
  const [s0] = remainderBits(shift)
  const shifted = x.map(value => multiplier * signed(value) + roundingOf(shift))
  const q = shifted.map(value => Math.floor(value / 2 ** shift))
  const rest = shifted.map((value, i) => value - q[i]! * 2 ** shift)
  const u = q.map(value => Math.floor((value - o) / 2 ** v))
  const columns: Columns = {
    ...(shift > 0 && { r0: rest.map(r => toF(r % 2 ** s0)) }),
    ...(shift > 12 && { r1: rest.map(r => toF(Math.floor(r / 2 ** s0))) }),
    ...(wide && {
      e: q.map((value, i) => toF(value - o - u[i]! * 2 ** v)),
      c: u.map(value => toF(Math.sign(value))),
    }),
    y0: q.map(value => toF(f(value) - f(0))),
  }
  const triples = ({ r0, r1, e, c, y0 }: Columns): Triple[][] => {
    const quotient = x.map((value, i) => {
      const remainder = (r0?.[i] ?? 0n) + (r1?.[i] ?? 0n) * 2n ** BigInt(s0)
      return mod(
        (BigInt(multiplier) * value + BigInt(roundingOf(shift)) - remainder) * inverseF(2n ** BigInt(shift)),
      )
    })
    const remainders = [r0, r1].filter(column => column !== undefined)
    const ranges = remainders.map(column => column.map(r => [r, 0n, 0n] as const))
    if (!wide)
      return [...ranges, quotient.map((z, i) => [mod(z + 2n ** BigInt(width - 1)), y0![i]!, 0n] as const)]
    const above = quotient.map((z, i) => mod((z - BigInt(o) - e![i]!) * inverseF(2n ** BigInt(v))))
    return [
      ...ranges,
      above.map((z, i) => [mod(z + 2n ** BigInt(width)), c![i]!, 0n] as const),
      c!.map((sign, i) => [mod(sign + 1n), e![i]!, y0![i]!] as const),
    ]
  }
  const mask = isTrue(shape.dims)
  return { columns, triples, tensor: ({ y0 }) => y0!.map((y, i) => (mask[i] ? mod(y + toF(f(0))) : y)) }
}

/** Both maxima: argmax is the maximum of 2^κ x + ramp, and its index is in the lowest κ bits. */
export function commitMaximum(
  node: NodeOf<'max'> | NodeOf<'argmax'>,
  x: readonly F[],
  xShape: Shape,
  yShape: Shape,
): Committed {
  const reduced = xShape.dims.slice(yShape.dims.length)
  const n = reducedCount(xShape.dims, reduced.length)
  const side = paddedSize(reduced)
  const kappa = node.op === 'argmax' ? bits(n) : 0
  const rampAt = node.op === 'argmax' ? ramp(xShape.dims, kappa) : x.map(() => 0)
  const keys = x.map((value, i) => mod(value * 2n ** BigInt(kappa) + BigInt(rampAt[i]!)))
  const mask = isTrue(reduced)
  const outputs = yShape.size
  const group = <T>(values: readonly T[], o: number): T[] => values.slice(o * side, (o + 1) * side)
  const M = Array.from({ length: outputs }, (_, o) =>
    toF(
      Math.max(
        ...group(keys, o)
          .filter((_, k) => mask[k])
          .map(signed),
      ),
    ),
  )
  const differences = (maxima: readonly F[]): F[] =>
    keys.map((key, i) => mod((mask[i % side] ? maxima[Math.floor(i / side)]! : 0n) - key))
  const z = differences(M).map(d => (d === 0n ? 0n : 1n))
  const index = M.map(value => toF(signed(value) & (2 ** kappa - 1)))
  const triples = (columns: Columns): Triple[][] => {
    const counts = columns.M!.map((_, o) =>
      mod(BigInt(n - 1) - group(columns.z!, o).reduce((a, b) => a + b, 0n)),
    )
    const lists: Triple[][] = [
      differences(columns.M!).map((d, i) => [d, columns.z![i]!, 0n]),
      counts.map(count => [count, 0n, 0n]),
    ]
    if (node.op === 'max') return lists
    const windows = columns.M!.map((value, i) =>
      mod((value - columns.J![i]!) * inverseF(2n ** BigInt(kappa)) + 2n ** BigInt(node.window - 1)),
    )
    return [...lists, columns.J!.map(j => [j, 0n, 0n] as const), windows.map(w => [w, 0n, 0n] as const)]
  }
  if (node.op === 'max') return { columns: { M, z }, triples, tensor: columns => columns.M! }
  const valid = isTrue(yShape.dims)
  const tensor = ({ J }: Columns): F[] => J!.map((j, i) => mod((valid[i] ? BigInt(2 ** kappa - 1) : 0n) - j))
  return { columns: { M, J: index, z }, triples, tensor }
}

/** 2^κ - 1 - k at the true indices of the input. */
function ramp(dims: readonly number[], kappa: number): number[] {
  const result = new Array<number>(paddedSize(dims)).fill(0)
  for (const index of indicesOf(dims)) result[positionOf(dims, index)] = 2 ** kappa - 1 - index.at(-1)!
  return result
}
