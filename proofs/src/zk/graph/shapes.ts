/** Dimensions of every tensor (docs/zk-soundness.md, section 2.2), and their limits (section 2.1). */
import { proofsError } from '../../errors.ts'
import type { Graph, Node, NodeOf, Op, Stride, TensorShape } from './graph.ts'
import { bits, LIMITS, paddedSizeOf, sizeOf } from './limits.ts'
import { checkStructure, inputsOf, nameOf } from './structure.ts'

/**
 * Every tensor's dimensions, batch first, with the bits and the size of the padded ones.
 * @throws NacreError invalid-graph, shape-mismatch, model-too-large
 */
export function shapesOf(graph: Graph, batch: number): TensorShape[] {
  checkStructure(graph)
  if (!Number.isInteger(batch) || batch < 1 || batch > LIMITS.batch)
    throw proofsError('model-too-large', `a batch of ${batch}: from 1 to ${LIMITS.batch}`)
  for (const { dims } of graph.parameters) {
    if (![1, 2, 4].includes(dims.length)) throw mismatch(`a parameter of rank ${dims.length}: 1, 2 or 4`)
    checkDims(dims, LIMITS.unfoldedBits, 'a parameter')
  }
  checkDims([batch, ...graph.input.dims], LIMITS.tensorBits, 'the input')
  const all = [graph.input.dims]
  for (const [j, node] of graph.nodes.entries()) {
    const inputs = inputsOf(node).map(tensor => all[tensor]!)
    const dims = dimsOf(graph, node, nameOf(node, j), inputs)
    const most = node.op === 'unfold' ? LIMITS.unfoldedBits : LIMITS.tensorBits
    checkDims([batch, ...dims], most, nameOf(node, j))
    all.push(dims)
  }
  return all.map(dims => {
    const padded = [batch, ...dims].map(bits)
    return { dims: [batch, ...dims], bits: padded, size: paddedSizeOf([batch, ...dims]) }
  })
}

/**
 * Whether a reshape moves nothing: every element has the same padded index in both (section 7, step 6). Dimensions
 * have the same product; the batch, which stays, is not among them.
 */
export function isFreeReshape(x: readonly number[], y: readonly number[]): boolean {
  return equal(paddedForm(x), paddedForm(y))
}

/**
 * The same for two lists of dimensions, and only then, if their padded indices are: a power of two is full, so it joins
 * the dimension before it. Of what is left every dimension but the first leaves a gap of its own width, at multiples of
 * its size: the gaps tell the dimensions.
 */
function paddedForm(dims: readonly number[]): number[] {
  const form: number[] = []
  for (const dim of dims)
    if (2 ** bits(dim) === dim && form.length > 0) form.push(form.pop()! * dim)
    else if (dim > 1) form.push(dim)
  return form
}

/** `dims` begin with the batch where there is one; the rank does not count it. */
function checkDims(dims: number[], most: number, what: string): void {
  const bad = dims.find(dim => !Number.isInteger(dim) || dim < 1 || dim > LIMITS.dimension)
  if (bad !== undefined) throw mismatch(`${what} has a dimension ${bad}: from 1 to ${LIMITS.dimension}`)
  if (dims.length > LIMITS.rank + 1) throw mismatch(`${what} has more than ${LIMITS.rank} dimensions`)
  const padded = dims.reduce((total, dim) => total + bits(dim), 0)
  if (padded > most)
    throw proofsError(
      'model-too-large',
      `${what} has 2^${padded} elements with its padding and batch: at most 2^${most}`,
    )
}

/** What a rule knows: its inputs' dimensions without the batch, and the parameters'. */
type Inputs = { dims: number[][]; parameter: (index: number) => number[]; refuse: (why: string) => Error }

/**
 * The dimensions of a node's result from those of its inputs, none of them with the batch.
 * @throws NacreError shape-mismatch
 */
export function dimsOf(
  { parameters }: Pick<Graph, 'parameters'>,
  node: Node,
  name: string,
  inputs: number[][],
): number[] {
  return (RULES[node.op] as (node: Node, inputs: Inputs) => number[])(node, {
    dims: inputs,
    parameter: index => parameters[index]!.dims,
    refuse: why => mismatch(`${name}: ${why}`),
  })
}

/** The dimensions of each operator's result. */
const RULES: { [O in Op]: (node: NodeOf<O>, inputs: Inputs) => number[] } = {
  dense: (node, inputs) => {
    const [x] = atLeast(1, inputs)
    const [outputs, features] = weightOf(node, 2, inputs)
    if (x!.at(-1) !== features) throw inputs.refuse(`${x!.at(-1)} features, the weight has ${features}`)
    return [...x!.slice(0, -1), outputs!]
  },
  conv: (node, inputs) => {
    const [channels, height, width] = image(inputs)
    const [outputs, depth, ...kernel] = weightOf(node, 4, inputs)
    if (channels !== depth) throw inputs.refuse(`${channels} channels, the weight has ${depth}`)
    return [outputs!, ...placesOf([height!, width!], kernel, node, inputs)]
  },
  unfold: (node, inputs) => {
    const [channels, height, width] = image(inputs)
    return [channels!, ...placesOf([height!, width!], node.kernel, node, inputs), ...node.kernel]
  },
  sum: ({ count }, inputs) => withoutLast(count, inputs),
  matmul: ({ transposed }, inputs) => {
    const [a, b] = atLeast(2, inputs)
    const [rows, inner] = a!.slice(-2)
    const [columns, shared] = transposed ? b!.slice(-2) : b!.slice(-2).reverse()
    if (!equal(a!.slice(0, -2), b!.slice(0, -2)) || inner !== shared)
      throw inputs.refuse(`[${a}] by [${b}]${transposed ? ' transposed' : ''}`)
    return [...a!.slice(0, -2), rows!, columns!]
  },
  add: (_, inputs) => elementwise(inputs),
  mul: (_, inputs) => elementwise(inputs),
  reshape: ({ dims }, inputs) => {
    const [x] = inputs.dims
    if (dims.length > LIMITS.rank || sizeOf(dims) !== sizeOf(x!)) throw inputs.refuse(`[${x}] to [${dims}]`)
    return dims
  },
  permute: ({ axes }, inputs) => {
    const [x] = inputs.dims
    if (!equal(axes.toSorted(ascending), [...x!.keys()])) throw inputs.refuse(`axes [${axes}] of [${x}]`)
    return axes.map(axis => x![axis]!)
  },
  lookup: (_, { dims }) => dims[0]!,
  max: ({ count }, inputs) => withoutLast(count, inputs),
  argmax: (_, inputs) => withoutLast(1, inputs),
}

function weightOf(node: NodeOf<'dense' | 'conv'>, rank: number, { parameter, refuse }: Inputs): number[] {
  const weight = parameter(node.weight)
  if (weight.length !== rank) throw refuse(`the weight has rank ${weight.length}, not ${rank}`)
  const bias = node.bias === undefined ? undefined : parameter(node.bias)
  if (bias && !equal(bias, [weight[0]!])) throw refuse(`a bias [${bias}] for ${weight[0]} outputs`)
  return weight
}

/** Where a kernel is laid: OH and OW of section 2.2. */
function placesOf(sides: number[], kernel: number[], { stride, pads }: Stride, { refuse }: Inputs): number[] {
  return sides.map((side, axis) => {
    const [step, size] = [stride[axis]!, kernel[axis]!]
    if (step < 1 || size < 1) throw refuse('kernel and stride are at least 1')
    const room = side + pads[2 * axis]! + pads[2 * axis + 1]! - size
    if (room < 0) throw refuse(`a kernel of ${size} does not fit ${side} and its pads`)
    return Math.floor(room / step) + 1
  })
}

function elementwise({ dims: [a, b], refuse }: Inputs): number[] {
  if (!equal(a!, b!) && !(a!.length > 0 && equal(a!.slice(0, -1), b!))) throw refuse(`[${a}] with [${b}]`)
  return a!
}

function withoutLast(count: number, { dims: [x], refuse }: Inputs): number[] {
  if (count < 1 || count > x!.length) throw refuse(`the last ${count} of [${x}]`)
  return x!.slice(0, x!.length - count)
}

function image({ dims: [x], refuse }: Inputs): number[] {
  if (x!.length !== 3) throw refuse(`[${x}] is no [channels, height, width]`)
  return x!
}

function atLeast(rank: number, { dims, refuse }: Inputs): number[][] {
  if (dims.some(({ length }) => length < rank))
    throw refuse(`[${dims.join('] [')}]: at least ${rank} dimensions`)
  return dims
}

const equal = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i])
const ascending = (a: number, b: number): number => a - b
const mismatch = (message: string): Error => proofsError('shape-mismatch', message)
