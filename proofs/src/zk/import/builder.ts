import type { FunctionId, Graph, Node, Range, Stride, Weights } from '../graph/graph.ts'
import {
  added,
  bits,
  multiplied,
  narrowWidth,
  quotientRange,
  scaled,
  weightedRange,
  wideWidth,
  windowOf,
  withZero,
} from './ranges.ts'

/** An integer parameter, row-major. */
export type Parameter = { dims: number[]; values: Int32Array }

/** Widest lookup that one table holds (docs/zk-soundness.md, section 2.4). */
const NARROW_LIMIT = 12

/**
 * Builds a graph node by node. Each method takes tensors by their numbers and returns the new one's; declared ranges
 * are the worst case, and the widths of lookups the smallest that hold it, equal for all lookups of one function.
 */
export type Builder = {
  dense: (x: number, weight: Parameter, bias?: Parameter) => number
  conv: (x: number, weight: Parameter, bias: Parameter | undefined, stride: Stride) => number
  unfold: (x: number, kernel: [number, number], stride: Stride) => number
  sum: (x: number, count: number) => number
  matmul: (a: number, b: number, transposed: boolean) => number
  add: (a: number, b: number, ca: number, cb: number) => number
  mul: (a: number, b: number) => number
  reshape: (x: number, dims: number[]) => number
  permute: (x: number, axes: number[]) => number
  lookup: (x: number, multiplier: number, shift: number, f: FunctionId) => number
  max: (x: number, count: number) => number
  argmax: (x: number) => number
  /** A function by its values; returns its number among the graph's tables. */
  table: (values: ArrayLike<number>) => number
  dims: (tensor: number) => number[]
  range: (tensor: number) => Range
  finish: (outputs: number[]) => { graph: Graph; weights: Weights }
}

export function createBuilder(input: Graph['input']): Builder {
  const tensors: ({ dims: number[] } & Range)[] = [input]
  const nodes: Node[] = []
  const tables: Int16Array[] = []
  const parameters: Parameter[] = []

  const push = (dims: number[], range: Range, node: (range: Range) => Node): number => {
    const declared = withZero(range)
    nodes.push(node(declared))
    return tensors.push({ dims, ...declared }) - 1
  }
  const parameter = (value: Parameter): number => parameters.push(value) - 1
  const at = (tensor: number) => tensors[tensor]!
  const windowed = (x: number, kernel: readonly number[], { stride, pads }: Stride): [number, number] => {
    const side = (axis: 0 | 1): number =>
      Math.floor(
        (at(x).dims[axis + 1]! + pads[2 * axis]! + pads[2 * axis + 1]! - kernel[axis]!) / stride[axis],
      ) + 1
    return [side(0), side(1)]
  }
  const elements = (dims: readonly number[]): number => dims.reduce((n, dim) => n * dim, 1)
  const layer = (weight: Parameter, bias: Parameter | undefined) => ({
    weight: parameter(weight),
    ...(bias && { bias: parameter(bias) }),
  })

  return {
    dense(x, weight, bias) {
      const range = weightedRange(weight.values, weight.dims[0]!, bias?.values, at(x))
      const dims = [...at(x).dims.slice(0, -1), weight.dims[0]!]
      return push(dims, range, r => ({ op: 'dense', x, ...layer(weight, bias), ...r }))
    },
    conv(x, weight, bias, stride) {
      const range = weightedRange(weight.values, weight.dims[0]!, bias?.values, at(x))
      const dims = [weight.dims[0]!, ...windowed(x, weight.dims.slice(2), stride)]
      return push(dims, range, r => ({ op: 'conv', x, ...layer(weight, bias), ...stride, ...r }))
    },
    unfold(x, kernel, stride) {
      const dims = [at(x).dims[0]!, ...windowed(x, kernel, stride), ...kernel]
      return push(dims, at(x), r => ({ op: 'unfold', x, kernel, ...stride, ...r }))
    },
    sum(x, count) {
      const { dims } = at(x)
      const range = scaled(at(x), elements(dims.slice(dims.length - count)))
      return push(dims.slice(0, dims.length - count), range, r => ({ op: 'sum', x, count, ...r }))
    },
    matmul(a, b, transposed) {
      const range = scaled(multiplied(at(a), at(b)), at(a).dims.at(-1)!)
      const dims = [...at(a).dims.slice(0, -1), at(b).dims.at(transposed ? -2 : -1)!]
      return push(dims, range, r => ({ op: 'matmul', a, b, transposed, ...r }))
    },
    add: (a, b, ca, cb) =>
      push(at(a).dims, added(scaled(at(a), ca), scaled(at(b), cb)), r => ({ op: 'add', a, b, ca, cb, ...r })),
    mul: (a, b) => push(at(a).dims, multiplied(at(a), at(b)), r => ({ op: 'mul', a, b, ...r })),
    reshape: (x, dims) => push(dims, at(x), r => ({ op: 'reshape', x, dims, ...r })),
    permute: (x, axes) =>
      push(
        axes.map(axis => at(x).dims[axis]!),
        at(x),
        r => ({ op: 'permute', x, axes, ...r }),
      ),
    lookup(x, multiplier, shift, f) {
      const values = 'clamp' in f ? f.clamp : Array.from(tables[f.table]!)
      const range = { lo: Math.min(...values), hi: Math.max(...values) }
      const q = quotientRange(at(x), multiplier, shift)
      const own = 'clamp' in f ? 0 : windowOf(f, tables).v
      const narrow = Math.max(narrowWidth(q), own)
      const wide = narrow > ('clamp' in f ? NARROW_LIMIT : own)
      const width = wide ? wideWidth(q, windowOf(f, tables)) : narrow
      return push(at(x).dims, range, r => ({ op: 'lookup', x, multiplier, shift, f, wide, width, ...r }))
    },
    max(x, count) {
      const { dims, lo, hi } = at(x)
      const kept = dims.slice(0, dims.length - count)
      return push(kept, at(x), r => ({ op: 'max', x, count, width: bits(hi - lo + 1), ...r }))
    },
    argmax(x) {
      const { dims, lo, hi } = at(x)
      const kappa = bits(dims.at(-1)!)
      const width = bits(2 ** kappa * (hi - lo) + 2 ** kappa)
      const window = narrowWidth({ lo, hi })
      const range = { lo: 0, hi: dims.at(-1)! - 1 }
      return push(dims.slice(0, -1), range, r => ({ op: 'argmax', x, width, window, ...r }))
    },
    table: values => tables.push(Int16Array.from(values)) - 1,
    dims: tensor => at(tensor).dims,
    range: tensor => ({ lo: at(tensor).lo, hi: at(tensor).hi }),
    finish(outputs) {
      shareFunctions(nodes)
      const graph = {
        input,
        tables,
        parameters: parameters.map(({ dims }) => ({ dims })),
        nodes,
        outputs: [...outputs].sort((a, b) => a - b),
      }
      return { graph, weights: parameters.map(({ values }) => values) }
    },
  }
}

/** Lookups of one function, narrow or wide, take the widest width of them, so that they share a table. */
function shareFunctions(nodes: readonly Node[]): void {
  const widest = new Map<string, number>()
  const lookups = nodes.filter(node => node.op === 'lookup')
  const key = (node: (typeof lookups)[number]): string => JSON.stringify([node.f, node.wide])
  for (const node of lookups) widest.set(key(node), Math.max(node.width, widest.get(key(node)) ?? 0))
  for (const node of lookups) node.width = widest.get(key(node))!
}
