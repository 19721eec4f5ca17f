import type { Graph, Node } from '../graph/graph.ts'
import { type Axis, bits } from './points.ts'

/** Dimensions of a tensor, the batch first, and the size of its padded vector. */
export type Shape = { dims: number[]; size: number }

/** Elements of a vector whose every dimension is padded to a power of two. */
export const paddedSize = (dims: readonly number[]): number =>
  dims.reduce((size, dim) => size * 2 ** bits(dim), 1)

/** Every index within the true dimensions, row-major. */
export function indicesOf(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>(
    (list, dim) => list.flatMap(index => Array.from({ length: dim }, (_, i) => [...index, i])),
    [[]],
  )
}

/** Position of an index in the padded vector. */
export const positionOf = (dims: readonly number[], index: readonly number[]): number =>
  index.reduce((position, i, axis) => position * 2 ** bits(dims[axis]!) + i, 0)

/** Row-major values without padding, as a padded vector. */
export function pad<T>(dims: readonly number[], values: ArrayLike<T>, zero: T): T[] {
  const padded = new Array<T>(paddedSize(dims)).fill(zero)
  indicesOf(dims).forEach((index, i) => {
    padded[positionOf(dims, index)] = values[i]!
  })
  return padded
}

/** The true elements of a padded vector, row-major. */
export const unpad = <T>(dims: readonly number[], vector: readonly T[]): T[] =>
  indicesOf(dims).map(index => vector[positionOf(dims, index)]!)

/** Shapes of all tensors (docs/zk-soundness.md, section 2.2). The graph is taken to be valid. */
export function shapesOf(graph: Graph, batch: number): Shape[] {
  const all: number[][] = [[batch, ...graph.input.dims]]
  for (const node of graph.nodes) all.push(dimsOf(graph, node, all))
  return all.map(dims => ({ dims, size: paddedSize(dims) }))
}

type Windowed = Extract<Node, { op: 'conv' | 'unfold' }>

/** The two axes over which a convolution's, or an unfolding's, kernel moves. */
export function axesOf(graph: Graph, node: Windowed, xDims: readonly number[]): [Axis, Axis] {
  const kernel = node.op === 'conv' ? graph.parameters[node.weight]!.dims.slice(2) : node.kernel
  const [top, bottom, left, right] = node.pads
  const axis = (k: number, before: number, after: number): Axis => {
    const inputs = xDims[2 + k]!
    const stride = node.stride[k]!
    const outputs = Math.floor((inputs + before + after - kernel[k]!) / stride) + 1
    return { outputs, kernel: kernel[k]!, inputs, stride, pad: before }
  }
  return [axis(0, top, bottom), axis(1, left, right)]
}

function dimsOf(graph: Graph, node: Node, all: readonly number[][]): number[] {
  const weight = (parameter: number): number => graph.parameters[parameter]!.dims[0]!
  switch (node.op) {
    case 'dense':
      return [...all[node.x]!.slice(0, -1), weight(node.weight)]
    case 'conv':
    case 'unfold': {
      const x = all[node.x]!
      const [y, z] = axesOf(graph, node, x)
      if (node.op === 'conv') return [x[0]!, weight(node.weight), y.outputs, z.outputs]
      return [x[0]!, x[1]!, y.outputs, z.outputs, y.kernel, z.kernel]
    }
    case 'sum':
    case 'max':
      return all[node.x]!.slice(0, all[node.x]!.length - node.count)
    case 'argmax':
      return all[node.x]!.slice(0, -1)
    case 'matmul':
      return [...all[node.a]!.slice(0, -1), all[node.b]!.at(node.transposed ? -2 : -1)!]
    case 'add':
    case 'mul':
      return all[node.a]!
    case 'reshape':
      return [all[node.x]![0]!, ...node.dims]
    case 'permute':
      return [all[node.x]![0]!, ...node.axes.map(axis => all[node.x]![axis + 1]!)]
    case 'lookup':
      return all[node.x]!
  }
}
