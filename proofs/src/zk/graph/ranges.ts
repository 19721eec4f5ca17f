/** What makes a graph and its weights valid (docs/zk-soundness.md, section 2.4): an honest prover never fails. */
import { proofsError } from '../../errors.ts'
import { encodeGraph } from './encode.ts'
import { functionOf } from './functions.ts'
import type { Graph, Node, NodeOf, Range, TensorShape, Weights } from './graph.ts'
import { bits, MAX_TABLE_BITS, MAX_VALUE, P, sizeOf } from './limits.ts'
import { shapesOf } from './shapes.ts'
import { inputsOf, nameOf } from './structure.ts'

/** Of SAT's window, and of NZ, SIGN and argmax's numbers: the most bits that each may have. */
const MAX_WINDOW_BITS = 10
const MAX_SIGN_BITS = 11
const MAX_MULTIPLIER = 2 ** 15
const MAX_SHIFT = 24

/**
 * Checks all of section 2.4 that needs no weights, at a batch, and returns every tensor's shape.
 * @throws NacreError invalid-graph, unsupported-operator, shape-mismatch, model-too-large, range-overflow
 */
export function checkGraph(graph: Graph, batch = 1): TensorShape[] {
  // Every field is a number of its type.
  encodeGraph(graph)
  const shapes = shapesOf(graph, batch)
  checkDeclared(graph.input, 'the input')
  for (const [j, node] of graph.nodes.entries()) {
    const [x, y] = inputsOf(node).map(tensor => rangeOf(graph, tensor))
    checkNode(graph, node, nameOf(node, j), x!, y, shapes[inputsOf(node)[0]!]!.dims.slice(1))
  }
  return shapes
}

/**
 * One node of checkGraph: x and y are its inputs' ranges, dims its first input's dimensions without the batch.
 * @throws NacreError range-overflow
 */
export function checkNode(
  graph: Pick<Graph, 'tables'>,
  node: Node,
  name: string,
  x: Range,
  y: Range | undefined,
  dims: number[],
): void {
  checkDeclared(node, name)
  if (node.op === 'lookup') checkLookup(graph, node, x, name)
  if (node.op === 'max') checkMax(node, x, sizeOf(dims.slice(dims.length - node.count)), name)
  if (node.op === 'argmax') checkArgmax(node, x, dims.at(-1)!, name)
  const result = resultOf(graph, node, x, y, dims)
  if (result) checkContains(node, result, name)
}

/**
 * Checks weights against their graph, which checkGraph has accepted: how many and how large they are, and that each
 * dense and conv stays in its declared range whatever its input is.
 * @throws NacreError shape-mismatch, weight-out-of-range, range-overflow
 */
export function checkWeights(graph: Graph, weights: Weights): void {
  if (weights.length !== graph.parameters.length)
    throw proofsError(
      'shape-mismatch',
      `${weights.length} parameters, the graph has ${graph.parameters.length}`,
    )
  for (const [i, { dims }] of graph.parameters.entries()) checkParameter(weights[i]!, sizeOf(dims), i)
  for (const [j, node] of graph.nodes.entries())
    if (node.op === 'dense' || node.op === 'conv')
      checkContains(node, ofWeights(graph, node, weights), nameOf(node, j))
}

/** The declared range of a tensor. */
export function rangeOf(graph: Graph, tensor: number): Range {
  return tensor === 0 ? graph.input : graph.nodes[tensor - 1]!
}

/**
 * The range of a dense or a conv over all inputs within x. x contains 0, and so do the ranges of all terms: a conv's
 * terms that pads leave out need no case of their own. Sums beyond 2^53 are inexact, and far outside of every bound.
 * @param outputs the weight's first dimension
 */
export function weightedRange(
  weight: Int32Array,
  bias: Int32Array | undefined,
  outputs: number,
  x: Range,
): Range {
  const terms = weight.length / outputs
  let [least, most] = [Infinity, -Infinity]
  for (let n = 0; n < outputs; n++) {
    let [lo, hi] = [bias?.[n] ?? 0, bias?.[n] ?? 0]
    for (let k = n * terms; k < (n + 1) * terms; k++) {
      const w = weight[k]!
      lo += Math.min(w * x.lo, w * x.hi)
      hi += Math.max(w * x.lo, w * x.hi)
    }
    least = Math.min(least, lo)
    most = Math.max(most, hi)
  }
  return { lo: least, hi: most }
}

/** The range of ⌊(m x + h) / 2^s⌋ over x. */
export function quotientRange({ multiplier, shift }: { multiplier: number; shift: number }, x: Range): Range {
  const half = shift === 0 ? 0 : 2 ** (shift - 1)
  const quotient = (value: number): number => Math.floor((multiplier * value + half) / 2 ** shift)
  return { lo: quotient(x.lo), hi: quotient(x.hi) }
}

/**
 * Interval arithmetic: what the node can make of its inputs' ranges; dims are its first input's. Dense and conv need
 * their weights.
 */
export function resultOf(
  graph: Pick<Graph, 'tables'>,
  node: Node,
  x: Range,
  y: Range | undefined,
  dims: number[],
): Range | undefined {
  switch (node.op) {
    case 'dense':
    case 'conv':
      return undefined
    case 'unfold':
      return { lo: Math.min(x.lo, 0), hi: Math.max(x.hi, 0) }
    case 'sum':
      return scaled(x, sizeOf(dims.slice(dims.length - node.count)))
    case 'matmul':
      return scaled(product(x, y!), dims.at(-1)!)
    case 'add':
      return sum(scaled(x, node.ca), scaled(y!, node.cb))
    case 'mul':
      return product(x, y!)
    case 'lookup':
      return functionOf(graph, node.f).range
    case 'argmax':
      return { lo: 0, hi: dims.at(-1)! - 1 }
    default:
      return x
  }
}

function checkLookup(graph: Pick<Graph, 'tables'>, node: NodeOf<'lookup'>, x: Range, name: string): void {
  const { multiplier: m, shift: s, f, width: w } = node
  const require = requirer(name)
  require(m >= 1 && m < MAX_MULTIPLIER, `a multiplier from 1 to ${MAX_MULTIPLIER - 1}, not ${m}`)
  require(s <= MAX_SHIFT, `a shift of at most ${MAX_SHIFT}, not ${s}`)
  if ('clamp' in f) require(f.clamp[0] <= 0 && f.clamp[1] >= 0, `a clamp to a range with 0, not [${f.clamp}]`)
  const half = s === 0 ? 0 : 2 ** (s - 1)
  const largest = m * Math.max(-x.lo, x.hi) + half
  require(largest <= MAX_VALUE, `m·|x| + h of at most 2^29, not ${largest}`)
  const q = quotientRange(node, x)
  const { offset: o, bits: v } = functionOf(graph, f)
  if (!node.wide) {
    require(w >= 1 && w <= MAX_TABLE_BITS && s + w <= 31, `1 ≤ w ≤ ${MAX_TABLE_BITS}, s + w ≤ 31; w is ${w}`)
    require(!('table' in f) || w === v, `the table’s own width ${v}, not ${w}`)
    require(q.lo >= -(2 ** (w - 1)) && q.hi < 2 ** (w - 1), `q from ${q.lo} to ${q.hi} within ${w} bits`)
    return
  }
  require(w <= MAX_SIGN_BITS &&
    v <= MAX_WINDOW_BITS, `w ≤ ${MAX_SIGN_BITS}, v ≤ ${MAX_WINDOW_BITS}, not ${w}, ${v}`)
  const u = [q.lo, q.hi].map(value => Math.floor((value - o) / 2 ** v))
  require(u[0]! >= -(2 ** w) && u[1]! < 2 ** w, `u from ${u[0]} to ${u[1]} within ±2^${w}`)
  require(2 ** s * (2 ** (w + v) + Math.abs(o)) + MAX_VALUE < P, '2^s (2^(w+v) + |o|) + 2^29 below p')
}

function checkMax({ width }: NodeOf<'max'>, x: Range, elements: number, name: string): void {
  const require = requirer(name)
  require(width <= MAX_TABLE_BITS &&
    x.hi - x.lo < 2 ** width, `hi - lo = ${x.hi - x.lo} within ${width} bits`)
  require(elements <= 2 ** MAX_TABLE_BITS, `a maximum of at most 2^${MAX_TABLE_BITS} elements`)
}

function checkArgmax({ width, window }: NodeOf<'argmax'>, x: Range, elements: number, name: string): void {
  const require = requirer(name)
  const kappa = bits(elements)
  require(kappa <= MAX_TABLE_BITS, `a maximum of at most 2^${MAX_TABLE_BITS} elements`)
  const apart = 2 ** kappa * (x.hi - x.lo) + 2 ** kappa
  require(width <= MAX_TABLE_BITS &&
    apart <= 2 ** width, `2^κ (hi - lo) + 2^κ = ${apart} within ${width} bits`)
  require(window >= 1 && window <= MAX_TABLE_BITS, `a window of 1 to ${MAX_TABLE_BITS} bits`)
  const half = 2 ** (window - 1)
  require(x.lo >= -half && x.hi < half, `[${x.lo}, ${x.hi}] within a window of ${window} bits`)
}

function checkParameter(values: Int32Array, size: number, index: number): void {
  if (values.length !== size)
    throw proofsError('shape-mismatch', `parameter ${index} has ${values.length} values, not ${size}`)
  const large = values.find(value => Math.abs(value) >= MAX_VALUE)
  if (large !== undefined)
    throw proofsError('weight-out-of-range', `parameter ${index} has a value ${large}: below 2^29 either way`)
}

function checkDeclared({ lo, hi }: Range, name: string): void {
  requirer(name)(
    lo >= -MAX_VALUE && lo <= 0 && hi >= 0 && hi <= MAX_VALUE,
    `[${lo}, ${hi}] within ±2^29, with 0`,
  )
}

function checkContains(declared: Range, actual: Range, name: string): void {
  if (declared.lo <= actual.lo && actual.hi <= declared.hi) return
  const [is, has] = [declared, actual].map(({ lo, hi }) => `[${lo}, ${hi}]`)
  requirer(name)(false, `a declared range that contains ${has}, not ${is}`)
}

function ofWeights(graph: Graph, node: NodeOf<'dense' | 'conv'>, weights: Weights): Range {
  const outputs = graph.parameters[node.weight]!.dims[0]!
  const bias = node.bias === undefined ? undefined : weights[node.bias]!
  return weightedRange(weights[node.weight]!, bias, outputs, rangeOf(graph, node.x))
}

function scaled({ lo, hi }: Range, factor: number): Range {
  return factor < 0 ? { lo: factor * hi, hi: factor * lo } : { lo: factor * lo, hi: factor * hi }
}

function sum(a: Range, b: Range): Range {
  return { lo: a.lo + b.lo, hi: a.hi + b.hi }
}

function product(a: Range, b: Range): Range {
  const corners = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]
  return { lo: Math.min(...corners), hi: Math.max(...corners) }
}

const requirer =
  (name: string) =>
  (holds: boolean, rule: string): void => {
    if (!holds) throw proofsError('range-overflow', `${name} needs ${rule}`)
  }
