/**
 * What a graph means: section 2.2 of docs/zk-soundness.md in plain loops. It is the definition that provers are
 * compared with, and as slow as it is short.
 */
import { proofsError } from '../../errors.ts'
import { functionOf } from './functions.ts'
import type { Graph, Node, NodeOf, Op, Range, Stride, Weights } from './graph.ts'
import { sizeOf } from './limits.ts'
import { checkGraph, checkWeights, rangeOf } from './ranges.ts'
import { inputsOf } from './structure.ts'

/**
 * Every tensor's values for an input, tensor 0 among them: row-major, batch first, without padding. The graph and the
 * weights are checked.
 * @throws NacreError invalid-input, zk-value-out-of-range, and what checkGraph and checkWeights throw
 */
export function run(graph: Graph, weights: Weights, input: Int32Array, batch = 1): Int32Array[] {
  const shapes = checkGraph(graph, batch)
  checkWeights(graph, weights)
  checkValues(graph, 0, input, sizeOf(shapes[0]!.dims))
  const tensors = [input]
  for (const [j, node] of graph.nodes.entries()) {
    const y = new Int32Array(sizeOf(shapes[j + 1]!.dims))
    const inputs = inputsOf(node)
    const [x, b] = inputs.map(tensor => tensors[tensor]!)
    const [xDims, bDims] = inputs.map(tensor => shapes[tensor]!.dims)
    const step = { graph, weights, x: x!, b: b!, y, xDims: xDims!, bDims: bDims!, yDims: shapes[j + 1]!.dims }
    ;(RULES[node.op] as (node: Node, step: Step) => void)(node, step)
    tensors.push(y)
  }
  return tensors
}

/**
 * Section 7, step 1: a tensor's values are as many as they should be and in its declared range.
 * @throws NacreError invalid-input, zk-value-out-of-range
 */
export function checkValues(graph: Graph, tensor: number, values: Int32Array, size: number): void {
  if (values.length !== size)
    throw proofsError('invalid-input', `${values.length} values of tensor ${tensor}, not ${size}`)
  const { lo, hi }: Range = rangeOf(graph, tensor)
  const outside = values.find(value => value < lo || value > hi)
  if (outside !== undefined)
    throw proofsError('zk-value-out-of-range', `tensor ${tensor} has a value ${outside}: from ${lo} to ${hi}`)
}

/** Dimensions begin with the batch; b and bDims are the second input's. */
type Step = {
  graph: Graph
  weights: Weights
  x: Int32Array
  b: Int32Array
  y: Int32Array
  xDims: number[]
  bDims: number[]
  yDims: number[]
}

/** Each fills y. */
const RULES: { [O in Op]: (node: NodeOf<O>, step: Step) => void } = {
  dense({ weight, bias }, { weights, x, y, xDims, yDims }) {
    const [features, outputs] = [xDims.at(-1)!, yDims.at(-1)!]
    for (let i = 0; i < y.length; i++) {
      const n = i % outputs
      const row = Math.floor(i / outputs)
      let sum = biasOf(weights, bias, n)
      for (let k = 0; k < features; k++) sum += x[row * features + k]! * weights[weight]![n * features + k]!
      y[i] = sum
    }
  },

  conv(node, { graph, weights, x, y, xDims, yDims }) {
    const [, channels, rows, columns] = graph.parameters[node.weight]!.dims as [
      number,
      number,
      number,
      number,
    ]
    const weight = weights[node.weight]!
    const at = pixelsOf(x, xDims, node)
    let i = 0
    for (const [b, n, oy, ox] of indices(yDims) as Iterable<[number, number, number, number]>) {
      let sum = biasOf(weights, node.bias, n)
      let w = n * channels * rows * columns
      for (let c = 0; c < channels; c++)
        for (let ky = 0; ky < rows; ky++)
          for (let kx = 0; kx < columns; kx++) sum += weight[w++]! * at(b, c, oy, ox, ky, kx)
      y[i++] = sum
    }
  },

  unfold(node, { x, y, xDims, yDims }) {
    const at = pixelsOf(x, xDims, node)
    let i = 0
    for (const place of indices(yDims)) y[i++] = at(...(place as Parameters<typeof at>))
  },

  sum(_, { x, y }) {
    const count = x.length / y.length
    for (let i = 0; i < x.length; i++) y[Math.floor(i / count)]! += x[i]!
  },

  matmul({ transposed }, { x: a, b, y, xDims: aDims, bDims, yDims }) {
    const [inner, columns] = [aDims.at(-1)!, yDims.at(-1)!]
    let t = 0
    for (const index of indices(yDims)) {
      const [outer, i, j] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!]
      const rowOfA = flat(aDims, [...outer, i, 0])
      const ofB = flat(bDims, [...outer, 0, 0])
      let sum = 0
      for (let d = 0; d < inner; d++)
        sum += a[rowOfA + d]! * b[ofB + (transposed ? j * inner + d : d * columns + j)]!
      y[t++] = sum
    }
  },

  add({ ca, cb }, { x: a, b, y }) {
    const same = a.length / b.length
    for (let i = 0; i < y.length; i++) y[i] = ca * a[i]! + cb * b[Math.floor(i / same)]!
  },

  mul(_, { x: a, b, y }) {
    const same = a.length / b.length
    for (let i = 0; i < y.length; i++) y[i] = a[i]! * b[Math.floor(i / same)]!
  },

  reshape(_, { x, y }) {
    y.set(x)
  },

  permute({ axes }, { x, y, xDims, yDims }) {
    let i = 0
    for (const [batch, ...index] of indices(yDims)) {
      const source = [batch!, ...index]
      for (const [at, axis] of axes.entries()) source[1 + axis] = index[at]!
      y[i++] = x[flat(xDims, source)]!
    }
  },

  lookup({ multiplier, shift, f }, { graph, x, y }) {
    const { at } = functionOf(graph, f)
    const half = shift === 0 ? 0 : 2 ** (shift - 1)
    for (let i = 0; i < y.length; i++) y[i] = at(Math.floor((multiplier * x[i]! + half) / 2 ** shift))
  },

  max(_, { x, y }) {
    const count = x.length / y.length
    for (let i = 0; i < y.length; i++)
      y[i] = x.subarray(i * count, (i + 1) * count).reduce((a, b) => Math.max(a, b))
  },

  argmax(_, { x, y }) {
    const count = x.length / y.length
    for (let i = 0; i < y.length; i++) {
      const elements = x.subarray(i * count, (i + 1) * count)
      y[i] = elements.indexOf(elements.reduce((a, b) => Math.max(a, b)))
    }
  },
}

function biasOf(weights: Weights, bias: number | undefined, output: number): number {
  return bias === undefined ? 0 : weights[bias]![output]!
}

type Pixels = (batch: number, channel: number, oy: number, ox: number, ky: number, kx: number) => number

/** The element of x under a kernel's (ky, kx) at a place (oy, ox); 0 outside of x. */
function pixelsOf(x: Int32Array, xDims: number[], { stride, pads }: Stride): Pixels {
  const [, channels, height, width] = xDims as [number, number, number, number]
  return (b, c, oy, ox, ky, kx) => {
    const iy = oy * stride[0] + ky - pads[0]
    const ix = ox * stride[1] + kx - pads[2]
    const inside = iy >= 0 && iy < height && ix >= 0 && ix < width
    return inside ? x[((b * channels + c) * height + iy) * width + ix]! : 0
  }
}

/** The row-major position of an index. */
export function flat(dims: readonly number[], index: readonly number[]): number {
  let position = 0
  for (let i = 0; i < dims.length; i++) position = position * dims[i]! + index[i]!
  return position
}

/** Every index of dimensions, in row-major order; the array is the same one each time. */
export function* indices(dims: readonly number[]): Generator<number[]> {
  const index = dims.map(() => 0)
  for (let left = sizeOf(dims); left > 0; left--) {
    yield index
    for (let i = dims.length - 1; i >= 0; i--) {
      index[i]! += 1
      if (index[i]! < dims[i]!) break
      index[i] = 0
    }
  }
}
