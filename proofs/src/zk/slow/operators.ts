import type { Graph, Node } from '../graph/graph.ts'
import { type F, P, toF } from './field.ts'
import { axesOf, indicesOf, paddedSize, positionOf, type Shape } from './shapes.ts'

/** The virtual operators of docs/zk-soundness.md, section 2.2, over F on padded vectors, one element at a time. */

export type Virtual = Exclude<Node, { op: 'lookup' | 'max' | 'argmax' }>

type Operands = {
  graph: Graph
  shapes: readonly Shape[]
  /** All tensors up to now, padded. */
  tensors: readonly F[][]
  /** Padded. */
  parameters: readonly F[][]
}

/** The padded vector of tensor number `tensor`, which `node` makes. */
export function computeVirtual(node: Virtual, tensor: number, operands: Operands): F[] {
  const { dims } = operands.shapes[tensor]!
  const result = new Array<F>(paddedSize(dims)).fill(0n)
  const element = elementOf(node, operands)
  indicesOf(dims).forEach((index, i) => {
    result[positionOf(dims, index)] = ((element(index, i) % P) + P) % P
  })
  return result
}

/** y at a true index, whose row-major number is `i`; not reduced. */
function elementOf(node: Virtual, operands: Operands): (index: number[], i: number) => bigint {
  const { graph, shapes, tensors, parameters } = operands
  const at = (tensor: number, index: readonly number[]): F =>
    tensors[tensor]![positionOf(shapes[tensor]!.dims, index)]!
  const weight = (parameter: number, ...index: number[]): F =>
    parameters[parameter]![positionOf(graph.parameters[parameter]!.dims, index)]!
  const biasOf = (parameter: number | undefined, n: number): F =>
    parameter === undefined ? 0n : weight(parameter, n)
  const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
  const total = (terms: readonly bigint[]): bigint => terms.reduce((a, b) => a + b, 0n)
  const dimsOf = (tensor: number): number[] => shapes[tensor]!.dims

  switch (node.op) {
    case 'dense':
      return index => {
        const n = index.at(-1)!
        const terms = count(dimsOf(node.x).at(-1)!).map(
          k => at(node.x, [...index.slice(0, -1), k]) * weight(node.weight, n, k),
        )
        return total(terms) + biasOf(node.bias, n)
      }
    case 'conv': {
      const [, c, kh, kw] = graph.parameters[node.weight]!.dims
      const window = windowed(node, operands)
      return ([b, n, oy, ox]) => {
        const terms = indicesOf([c!, kh!, kw!]).map(
          ([ci, ky, kx]) => weight(node.weight, n!, ci!, ky!, kx!) * window(b!, ci!, oy!, ox!, ky!, kx!),
        )
        return total(terms) + biasOf(node.bias, n!)
      }
    }
    case 'unfold': {
      const window = windowed(node, operands)
      return ([b, c, oy, ox, ky, kx]) => window(b!, c!, oy!, ox!, ky!, kx!)
    }
    case 'sum': {
      const reduced = dimsOf(node.x).slice(-node.count)
      return index => total(indicesOf(reduced).map(rest => at(node.x, [...index, ...rest])))
    }
    case 'matmul':
      return index => {
        const [i, j] = index.slice(-2)
        const outer = index.slice(0, -2)
        const terms = count(dimsOf(node.a).at(-1)!).map(
          d =>
            at(node.a, [...outer, i!, d]) * at(node.b, [...outer, ...(node.transposed ? [j!, d] : [d, j!])]),
        )
        return total(terms)
      }
    case 'add':
    case 'mul': {
      const missing = dimsOf(node.a).length - dimsOf(node.b).length
      const second = (index: number[]): F => at(node.b, missing === 0 ? index : index.slice(0, -1))
      if (node.op === 'mul') return index => at(node.a, index) * second(index)
      return index => toF(node.ca) * at(node.a, index) + toF(node.cb) * second(index)
    }
    case 'reshape': {
      const from = indicesOf(dimsOf(node.x))
      return (_, i) => at(node.x, from[i]!)
    }
    case 'permute':
      return ([b, ...index]) => {
        const source = new Array<number>(index.length)
        node.axes.forEach((axis, i) => {
          source[axis] = index[i]!
        })
        return at(node.x, [b!, ...source])
      }
  }
}

/** x[b, c, oy · strideY + ky - padTop, ox · strideX + kx - padLeft], 0 outside. */
function windowed(node: Extract<Virtual, { op: 'conv' | 'unfold' }>, { graph, shapes, tensors }: Operands) {
  const { dims } = shapes[node.x]!
  const [vertical, horizontal] = axesOf(graph, node, dims)
  return (b: number, c: number, oy: number, ox: number, ky: number, kx: number): F => {
    const y = oy * vertical.stride + ky - vertical.pad
    const x = ox * horizontal.stride + kx - horizontal.pad
    if (y < 0 || x < 0 || y >= vertical.inputs || x >= horizontal.inputs) return 0n
    return tensors[node.x]![positionOf(dims, [b, c, y, x])]!
  }
}
