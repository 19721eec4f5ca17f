/** Virtual tensors, from the highest to the lowest: docs/zk-soundness.md section 7, step 6. */
import type { Graph, Layout, Node, NodeOf, Op } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import { isFreeReshape } from '../graph/shapes.ts'
import type { Prover } from './channel.ts'
import type { Claim, Claims } from './claims.ts'
import { proveConv, proveUnfold } from './convolution.ts'
import type { Address } from './engine.ts'
import { bindColumns, bindRows, evaluate } from './evaluate.ts'
import { add, HALF, inverseOfPower, type K, mul, ONE, ZERO } from './field.ts'
import { type Layer, type Reduced, withoutBias } from './layer.ts'
import { addEq } from './open.ts'
import { groups, paddedIndices, valid } from './points.ts'
import { sumcheckBase, sumcheckProduct, sumcheckTriple } from './sumcheck.ts'

/** Proves all claims about virtual tensors. */
export function proveLinear(
  prover: Prover,
  graph: Graph,
  { tensors: shapes }: Layout,
  vectors: Pick<Layer, 'tensors' | 'parameters'>,
  claims: Claims,
): void {
  const layer: Layer = { ...prover, ...vectors, graph, claims, shapes }
  for (let tensor = graph.nodes.length; tensor > 0; tensor--) {
    const node = graph.nodes[tensor - 1]!
    const list = claims.tensors[tensor]!
    if (list.length === 0) continue
    prover.engine.scoped(() => {
      const y = shapes[tensor]!
      const { point, value } = list.length === 1 ? list[0]! : merge(layer, tensor, list)
      const reduced = { y, point, groups: groups(y.dims, point), value }
      const rule = RULES[node.op] as ((layer: Layer, node: Node, reduced: Reduced) => void) | undefined
      rule?.(layer, node, reduced)
    })
  }
}

/** Several claims become one. */
function merge(layer: Layer, tensor: number, list: readonly Claim[]): Claim {
  const { engine, channel, shapes, tensors } = layer
  const gamma = channel.element('merge')
  const { size } = shapes[tensor]!
  const weights = engine.vector(size)
  engine.bytes.fill(0, weights, weights + 16 * size)
  let [power, sum] = [ONE, ZERO]
  for (const { point, value } of list) {
    addEq(layer, weights, point, power)
    sum = add(sum, mul(power, value))
    power = mul(power, gamma)
  }
  const { point, values } = sumcheckBase(layer, sum, bits(size), tensors[tensor]!, weights)
  channel.send('merged', values[0])
  return { point, value: values[0] }
}

type VirtualOp = Exclude<Op, 'lookup' | 'max' | 'argmax'>

const RULES: { [O in Op]?: (layer: Layer, node: NodeOf<O>, reduced: Reduced) => void } & {
  [O in VirtualOp]: unknown
} = {
  dense(layer, { x, weight, bias }, { y, groups, value }) {
    const { engine, channel, claims, tensors, parameters, shapes } = layer
    const [rows, n] = [groups.slice(0, -1).flat(), groups.at(-1)!]
    const claim = withoutBias(layer, bias, n, valid(y.dims.slice(0, -1), rows), value)
    const inner = shapes[x]!.bits.at(-1)!
    const folded = bindRows(engine, tensors[x]!, rows, 2 ** inner)
    const weights = bindRows(engine, parameters[weight]!, n, 2 ** inner)
    const { point, values } = sumcheckProduct(layer, claim, inner, folded, weights)
    channel.send('factors', ...values)
    claims.onTensor(x, [...rows, ...point], values[0])
    claims.onParameter(weight, [...n, ...point], values[1])
  },

  conv: proveConv,
  unfold: proveUnfold,

  sum({ claims, shapes }, { x }, { point, value }) {
    const added = bits(shapes[x]!.size) - point.length
    claims.onTensor(x, [...point, ...new Array<K>(added).fill(HALF)], mul(value, inverseOfPower(added)))
  },

  matmul(layer, { a, b, transposed }, { groups }) {
    const { engine, channel, claims, tensors, shapes } = layer
    const [i, j] = [groups.at(-2)!, groups.at(-1)!]
    const o = groups.slice(0, -2).flat()
    const [outer, inner] = [2 ** o.length, 2 ** shapes[a]!.bits.at(-1)!]
    const [e, left, right] = [0, 0, 0].map(() => engine.vector(outer * inner)) as [Address, Address, Address]
    engine.scoped(() => {
      const { dotCols, dotRows, fill } = engine.kernels
      const [eqO, eqI, eqJ] = [o, i, j].map(r => engine.eqTable(r, ONE)) as [Address, Address, Address]
      const [rows, cols] = [2 ** i.length, 2 ** j.length]
      for (let k = 0; k < outer; k++) {
        const at = 16 * k * inner
        const [fromA, fromB] = [tensors[a]! + 4 * k * rows * inner, tensors[b]! + 4 * k * cols * inner]
        fill(e + at, inner, eqO + 16 * k)
        dotRows(left + at, fromA, rows, inner, eqI)
        if (transposed) dotRows(right + at, fromB, cols, inner, eqJ)
        else dotCols(right + at, fromB, inner, cols, eqJ)
      }
    })
    const { point, values } = sumcheckTriple(layer, o.length + bits(inner), e, left, right)
    const [, va, vb] = values
    channel.send('factors', va, vb)
    const [os, d] = [point.slice(0, o.length), point.slice(o.length)]
    claims.onTensor(a, [...os, ...i, ...d], va)
    claims.onTensor(b, transposed ? [...os, ...j, ...d] : [...os, ...d, ...j], vb)
  },

  add({ engine, channel, claims, tensors, shapes }, { a, b }, { y, point, groups }) {
    const narrow = shapes[b]!.dims.length < y.dims.length ? groups.slice(0, -1).flat() : point
    const [va, vb] = [evaluate(engine, tensors[a]!, point), evaluate(engine, tensors[b]!, narrow)]
    channel.send('factors', va, vb)
    claims.onTensor(a, point, va)
    claims.onTensor(b, narrow, vb)
  },

  mul(layer, { a, b }, { y, point: r, groups }) {
    const { engine, channel, claims, tensors, shapes } = layer
    const last = shapes[b]!.dims.length < y.dims.length ? groups.at(-1)! : []
    const rows = r.slice(0, r.length - last.length)
    const size = 2 ** rows.length
    const left = bindColumns(engine, tensors[a]!, size, last)
    const right = engine.vector(size)
    engine.kernels.liftAll(right, tensors[b]!, size)
    const { point, values } = sumcheckTriple(layer, rows.length, engine.eqTable(rows, ONE), left, right)
    const [, va, vb] = values
    channel.send('factors', va, vb)
    claims.onTensor(a, [...point, ...last], va)
    claims.onTensor(b, point, vb)
  },

  reshape(layer, { x }, { y, point: r, groups, value }) {
    const { engine, channel, claims, tensors, shapes } = layer
    const [from, to] = [shapes[x]!.dims.slice(1), y.dims.slice(1)]
    if (isFreeReshape(from, to)) return claims.onTensor(x, r, value)
    const [batch, size] = [groups[0]!, shapes[x]!.size / 2 ** groups[0]!.length]
    const folded = bindRows(engine, tensors[x]!, batch, size)
    const places = engine.vector(size)
    engine.scoped(() => {
      const eq = engine.eqTable(groups.slice(1).flat(), ONE)
      const { bytes } = engine
      bytes.fill(0, places, places + 16 * size)
      const [xs, ys] = [paddedIndices(from), paddedIndices(to)]
      xs.forEach((index, i) => {
        bytes.copyWithin(places + 16 * index, eq + 16 * ys[i]!, eq + 16 * ys[i]! + 16)
      })
    })
    const { point, values } = sumcheckProduct(layer, value, bits(size), folded, places)
    channel.send('factors', values[0])
    claims.onTensor(x, [...batch, ...point], values[0])
  },

  permute({ claims }, { x, axes }, { groups, value }) {
    const back = new Array<K[]>(axes.length)
    for (const [i, axis] of axes.entries()) back[axis] = groups[i + 1]!
    claims.onTensor(x, [groups[0]!, ...back].flat(), value)
  },
}
