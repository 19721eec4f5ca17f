/**
 * What a proof consists of, counted and not made: the elements that the prover sends, the errors of the challenges,
 * the verifier's multiplications (docs/zk-soundness.md, sections 4, 7, 8 and 10). The order is section 7's.
 */
import type { Graph, Layout, MatrixShape, Node, NodeOf, Op, TensorShape } from './graph.ts'
import { bits, QUERIES, sizeOf } from './limits.ts'
import { isCommitted } from './lookups.ts'
import { codewordBits } from './packing.ts'
import { isFreeReshape } from './shapes.ts'
import { inputsOf, parametersOf } from './structure.ts'

export type Messages = {
  /** Of K, all that is sent but the openings' rows, columns, nodes and paths. */
  elements: number
  /** The sum of all errors but the queries', times p^4. */
  error: number
  /** A bound on the verifier's multiplications in K, within a small factor of them. */
  operations: number
}

type Count = Messages & {
  /** So far, by tensor and by parameter. */
  tensors: number[]
  parameters: number[]
  /** Claims on D. */
  columns: number
}

/** Counts the messages of a graph and all of its layout but the proof's size. */
export function messagesOf(graph: Graph, layout: Omit<Layout, 'proofSize'>): Messages {
  const count: Count = {
    elements: 0,
    error: 0,
    operations: 0,
    tensors: layout.tensors.map(() => 0),
    parameters: graph.parameters.map(() => 0),
    columns: 0,
  }
  if (layout.d) {
    lookups(count, layout)
    values(count, graph, layout)
  }
  for (const output of graph.outputs) {
    const shape = layout.tensors[output]!
    count.error += bitsOf(shape)
    count.operations += extension(shape.size)
    claim(count, graph, output)
  }
  for (let tensor = graph.nodes.length; tensor >= 1; tensor--)
    if (!isCommitted(graph.nodes[tensor - 1]!)) virtual(count, graph, layout.tensors, tensor)
  count.operations += count.tensors[0]! * extension(layout.tensors[0]!.size)
  const weights = count.parameters.reduce((total, claims) => total + claims, 0)
  if (layout.d) opening(count, layout.d, count.columns)
  if (layout.w) opening(count, layout.w, weights)
  else
    for (const [i, claims] of count.parameters.entries())
      count.operations += claims * extension(layout.parameters[i]!.size)
  const { elements, error, operations } = count
  return { elements, error, operations }
}

/** Step 3: the fractions, summed by GKR. */
function lookups(count: Count, { leaves, tables, lookups }: Omit<Layout, 'proofSize'>): void {
  const entries = tables.reduce((total, { size }) => total + size, 0)
  count.error += leaves.total + 3 * entries + 1
  count.elements += 4
  for (let k = 1; k < leaves.nu; k++) {
    count.error += 2
    rounds(count, k, 3)
    count.elements += 4
    count.operations += 2 * k + 8
  }
  count.operations += (lookups.length + tables.length) * leaves.nu + 2 * extension(entries)
}

/** Step 4: x and the columns of each node, and the multiplicities. */
function values(count: Count, graph: Graph, { tensors, columns, tables }: Omit<Layout, 'proofSize'>): void {
  for (const [j, node] of graph.nodes.entries()) {
    if (!isCommitted(node)) continue
    const own = columns.filter(column => column.node === j).length
    // z, and of an argmax M, are claimed at two points each.
    const claims = node.op === 'lookup' ? own : node.op === 'max' ? 3 : 5
    count.elements += 1 + claims
    count.columns += claims
    claim(count, graph, node.x)
    if (node.op === 'argmax') count.operations += extension(tensors[node.x]!.dims.at(-1)!)
  }
  count.elements += tables.length
  count.columns += tables.length
}

/** Step 6: one tensor's claims are merged, and reduced to claims on what it is made of. */
function virtual(count: Count, graph: Graph, tensors: TensorShape[], tensor: number): void {
  const claims = count.tensors[tensor]!
  const node = graph.nodes[tensor - 1]!
  const [y, x, b] = [tensor, ...inputsOf(node)].map(index => tensors[index]!)
  if (claims > 1) {
    count.error += claims - 1
    rounds(count, bitsOf(y!), 2)
    count.elements += 1
    count.operations += 2 * claims * bitsOf(y!)
  }
  const shapes = { y: y!, x: x!, b: b ?? x!, parameter: (index: number) => graph.parameters[index]!.dims }
  ;(RULES[node.op as VirtualOp] as (count: Count, node: Node, shapes: Shapes) => void)(count, node, shapes)
  for (const input of inputsOf(node)) claim(count, graph, input)
  for (const parameter of parametersOf(node)) count.parameters[parameter]! += 1
  if (parametersOf(node).length > 1) count.elements += 1
}

type VirtualOp = Exclude<Op, 'lookup' | 'max' | 'argmax'>
type Shapes = { y: TensorShape; x: TensorShape; b: TensorShape; parameter: (index: number) => number[] }

/** Each operator's sumchecks and what is sent after them, without a bias. */
const RULES: { [O in VirtualOp]: (count: Count, node: NodeOf<O>, shapes: Shapes) => void } = {
  dense: (count, _, { x }) => {
    rounds(count, x.bits.at(-1)!, 2)
    count.elements += 2
  },
  conv: (count, { weight }, { x, y, parameter }) => {
    const kernel = parameter(weight).slice(2)
    rounds(count, total(x.bits.slice(1)), 2)
    rounds(count, total(kernel.map(bits)), 2)
    count.elements += 3
    placement(count, x.dims.slice(2), y.dims.slice(2), kernel)
  },
  unfold: (count, { kernel }, { x, y }) => {
    rounds(count, total(x.bits.slice(2)), 2)
    count.elements += 1
    placement(count, x.dims.slice(2), y.dims.slice(2, 4), kernel)
  },
  sum: () => {},
  matmul: (count, _, { x, y }) => {
    rounds(count, total(y.bits.slice(0, -2)) + x.bits.at(-1)!, 3)
    count.elements += 2
  },
  add: count => {
    count.elements += 2
  },
  mul: (count, _, { y, b }) => {
    rounds(count, bitsOf(b.dims.length === y.dims.length ? y : b), 3)
    count.elements += 2
  },
  reshape: (count, _, { x, y }) => {
    if (isFreeReshape(x.dims.slice(1), y.dims.slice(1))) return
    rounds(count, total(x.bits.slice(1)), 2)
    count.elements += 1
    count.operations += 3 * sizeOf(x.dims.slice(1))
  },
  permute: () => {},
}

/** Step 8: the sumcheck, δ, the row and the columns. */
function opening(count: Count, shape: MatrixShape, claims: number): void {
  const leaves = 2 ** codewordBits(shape)
  count.error += claims - 1 + 2 * shape.mu + bits(shape.rows) * leaves
  count.elements += 2 * shape.mu + 1
  count.operations += 4 * shape.mu + 2 * claims * shape.mu
  count.operations += (leaves * codewordBits(shape)) / 2 + extension(2 ** shape.c)
  count.operations += extension(2 ** bits(shape.rows)) + QUERIES * shape.rows
}

/** Points of bias and factors become claims; those on committed tensors are claims on D. */
function claim(count: Count, graph: Graph, tensor: number): void {
  count.tensors[tensor]! += 1
  if (tensor > 0 && isCommitted(graph.nodes[tensor - 1]!)) count.columns += 1
}

/** A sumcheck: it sends `degree` elements a round. */
function rounds(count: Count, number: number, degree: 2 | 3): void {
  count.elements += degree * number
  count.error += degree * number
  count.operations += number * (degree === 2 ? 6 : 14)
}

/** G for both axes: outputs × kernel steps of two products, and three eq tables. */
function placement(count: Count, sides: number[], outputs: number[], kernel: number[]): void {
  for (const [axis, side] of sides.entries()) {
    const [o, k] = [outputs[axis]!, kernel[axis]!]
    count.operations += 2 * o * k + extension(o) + extension(k) + extension(side)
  }
}

/** The extension of a vector at a point: its eq table, and a product of F and K for each element. */
const extension = (size: number): number => 2 ** (bits(size) + 1)
const bitsOf = ({ bits: groups }: TensorShape): number => total(groups)
const total = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0)
