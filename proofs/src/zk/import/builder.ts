import { graphBuilder, type Parameter, type Tensor } from '../graph/build.ts'
import type { FunctionId, Graph, Node, Range, Stride, Weights } from '../graph/graph.ts'

export type { Parameter } from '../graph/build.ts'

/**
 * Builds a graph node by node, as graphBuilder does, by the numbers of tensors: each method returns the new one's. Widths of
 * lookups are equal for all of one function.
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
  /** A function by its values; returns the number that `lookup` takes. */
  table: (values: ArrayLike<number>) => number
  dims: (tensor: number) => number[]
  range: (tensor: number) => Range
  finish: (outputs: number[]) => { graph: Graph; weights: Weights }
}

export function createBuilder(input: Graph['input']): Builder {
  const { input: first, build } = graphBuilder(input)
  const tensors = [first]
  const tables: Int16Array[] = []
  const at = (index: number): Tensor => tensors[index]!
  const push = (tensor: Tensor): number => tensors.push(tensor) - 1

  return {
    dense: (x, weight, bias) => push(at(x).dense(weight, bias)),
    conv: (x, weight, bias, stride) => push(at(x).conv(weight, { ...stride, ...(bias && { bias }) })),
    unfold: (x, kernel, stride) => push(at(x).unfold(kernel, stride)),
    sum: (x, count) => push(at(x).sum(count)),
    matmul: (a, b, transposed) => push(at(a).matmul(at(b), { transposed })),
    add: (a, b, ca, cb) => push(at(a).add(at(b), ca, cb)),
    mul: (a, b) => push(at(a).mul(at(b))),
    reshape: (x, dims) => push(at(x).reshape(...dims)),
    permute: (x, axes) => push(at(x).permute(...axes)),
    lookup(x, multiplier, shift, f) {
      const scaling = { multiplier, shift }
      return push('clamp' in f ? at(x).clamp(...f.clamp, scaling) : at(x).table(tables[f.table]!, scaling))
    },
    max: (x, count) => push(at(x).max(count)),
    argmax: x => push(at(x).argmax()),
    table: values => tables.push(Int16Array.from(values)) - 1,
    dims: tensor => at(tensor).dims,
    range: tensor => ({ lo: at(tensor).lo, hi: at(tensor).hi }),
    finish(outputs) {
      const { graph, weights } = build(...outputs.map(at))
      shareFunctions(graph.nodes)
      return { graph, weights }
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
