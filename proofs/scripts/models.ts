/** Graphs of the shapes that are measured and tested, with random weights: ranges are declared as they come out. */
import type { Graph, Node, Range, Weights } from '../src/zk/graph/graph.ts'
import { sizeOf } from '../src/zk/graph/limits.ts'
import { rangeOf, resultOf, weightedRange } from '../src/zk/graph/ranges.ts'
import { shapesOf } from '../src/zk/graph/shapes.ts'

export type Model = { graph: Graph; weights: Weights }

type Omitted<T> = T extends unknown ? Omit<T, 'lo' | 'hi'> : never
/** A node whose range is still to be computed. */
export type NodeShape = Omitted<Node>

/** Whole numbers from lo to hi by a seed (a linear congruential generator). */
export function randomIntegers(seed: number): (count: number, lo: number, hi: number) => Int32Array {
  let state = seed >>> 0
  return (count, lo, hi) =>
    Int32Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return lo + Math.floor((state / 2 ** 32) * (hi - lo + 1))
    })
}

/** The graph of these nodes, each with the range that it has for these weights. */
export function modelOf(
  input: Graph['input'],
  parameters: number[][],
  weights: Weights,
  shapes: NodeShape[],
  outputs: number[] = [shapes.length],
  tables: Int16Array[] = [],
): Model {
  const graph: Graph = { input, tables, parameters: parameters.map(dims => ({ dims })), nodes: [], outputs }
  graph.nodes = shapes.map(shape => ({ ...shape, lo: 0, hi: 0 }) as Node)
  const tensors = shapesOf(graph, 1)
  for (const node of graph.nodes) {
    const [x, y] = ('x' in node ? [node.x] : [node.a, node.b]).map(tensor => rangeOf(graph, tensor))
    const dims = tensors['x' in node ? node.x : node.a]!.dims.slice(1)
    const range: Range =
      node.op === 'dense' || node.op === 'conv'
        ? weightedRange(
            weights[node.weight]!,
            node.bias === undefined ? undefined : weights[node.bias]!,
            parameters[node.weight]![0]!,
            x!,
          )
        : resultOf(graph, node, x!, y, dims)!
    node.lo = Math.min(0, range.lo)
    node.hi = Math.max(0, range.hi)
  }
  return { graph, weights }
}

function randomWeights(parameters: number[][], seed: number, most: number): Weights {
  const random = randomIntegers(seed)
  return parameters.map(dims => random(sizeOf(dims), -most, most))
}

const relu = (x: number, shift: number, width: number, wide = false): NodeShape => ({
  op: 'lookup',
  x,
  multiplier: 1,
  shift,
  f: { clamp: [0, 255] },
  wide,
  width,
})
const pool = (x: number): NodeShape[] => [
  { op: 'unfold', x, kernel: [2, 2], stride: [2, 2], pads: [0, 0, 0, 0] },
  { op: 'sum', x: x + 1, count: 2 },
]

/** LeNet-5 in the textbook's order: activation, then average pooling. */
export function lenet(): Model {
  const parameters = [
    [6, 1, 5, 5],
    [6],
    [16, 6, 5, 5],
    [16],
    [120, 400],
    [120],
    [84, 120],
    [84],
    [10, 84],
    [10],
  ]
  return modelOf({ dims: [1, 28, 28], lo: 0, hi: 255 }, parameters, randomWeights(parameters, 1, 15), [
    { op: 'conv', x: 0, weight: 0, bias: 1, stride: [1, 1], pads: [2, 2, 2, 2] },
    relu(1, 10, 12),
    ...pool(2),
    { op: 'conv', x: 4, weight: 2, bias: 3, stride: [1, 1], pads: [0, 0, 0, 0] },
    relu(5, 10, 12),
    ...pool(6),
    { op: 'reshape', x: 8, dims: [400] },
    { op: 'dense', x: 9, weight: 4, bias: 5 },
    relu(10, 10, 5, true),
    { op: 'dense', x: 11, weight: 6, bias: 7 },
    relu(12, 8, 12),
    { op: 'dense', x: 13, weight: 8, bias: 9 },
  ])
}

/** A regression of four features. */
export function regression(): Model {
  const parameters = [[1, 4], [1]]
  const weights = randomWeights(parameters, 2, 1e6)
  return modelOf({ dims: [4], lo: 0, hi: 100 }, parameters, weights, [
    { op: 'dense', x: 0, weight: 0, bias: 1 },
  ])
}

/** Layers of ReLU between dense ones. */
export function perceptron(sizes: number[], most: number, shift: number, wide: boolean): Model {
  const parameters = sizes.slice(1).flatMap((size, i) => [[size, sizes[i]!], [size]])
  const nodes: NodeShape[] = []
  for (let i = 0; i + 1 < sizes.length; i++) {
    if (i > 0) nodes.push(relu(nodes.length, shift, wide ? 6 : 12, wide))
    nodes.push({ op: 'dense', x: nodes.length, weight: 2 * i, bias: 2 * i + 1 })
  }
  const input = { dims: [sizes[0]!], lo: 0, hi: 255 }
  return modelOf(input, parameters, randomWeights(parameters, 3, most), nodes)
}
