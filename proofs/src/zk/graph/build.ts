/** Builds graphs: every node's range by interval arithmetic, every lookup's width by its range. */
import { proofsError } from '../../errors.ts'
import { functionOf } from './functions.ts'
import type { FunctionId, Graph, Node, Range, Stride, Weights } from './graph.ts'
import { bits, MAX_TABLE_BITS, sizeOf } from './limits.ts'
import { checkGraph, checkNode, checkWeights, quotientRange, resultOf, weightedRange } from './ranges.ts'
import { dimsOf } from './shapes.ts'
import { nameOf } from './structure.ts'

/** A weight or a bias: row-major values. */
export type Parameter = { dims: number[]; values: ArrayLike<number> }

/** q = ⌊(multiplier · x + h) / 2^shift⌋, 1 and 0 if left out. */
export type Scaling = { multiplier?: number; shift?: number }

/**
 * The smallest window is taken unless `width` says another: narrow lookups of one function with the same width share a
 * table. `wide` takes the wide form where the narrow one would do.
 */
export type LookupOptions = Scaling & { width?: number; wide?: boolean }

/** A tensor of a graph in the making: its number, its dimensions without the batch, and its range. */
export type Tensor = Range & {
  index: number
  dims: number[]
  dense: (weight: Parameter, bias?: Parameter) => Tensor
  conv: (weight: Parameter, options?: { bias?: Parameter } & Partial<Stride>) => Tensor
  unfold: (kernel: [number, number], options?: Partial<Stride>) => Tensor
  /** The sum over the last dimensions, 1 if left out. */
  sum: (count?: number) => Tensor
  matmul: (b: Tensor, options?: { transposed?: boolean }) => Tensor
  /** ca · this + cb · b, 1 and 1 if left out; b may lack this one's last dimension. */
  add: (b: Tensor, ca?: number, cb?: number) => Tensor
  mul: (b: Tensor) => Tensor
  reshape: (...dims: number[]) => Tensor
  permute: (...axes: number[]) => Tensor
  /** Requantisation to [a, b] with a ≤ 0 ≤ b; with a = 0 it is ReLU, too. */
  clamp: (a: number, b: number, options?: LookupOptions) => Tensor
  /** f by its values at -2^(w-1), ..., 2^(w-1) - 1; the same array is the same table. */
  table: (values: Int16Array, options?: LookupOptions) => Tensor
  max: (count?: number) => Tensor
  argmax: () => Tensor
}

export type Builder = {
  input: Tensor
  /** The graph with these outputs, and its weights: both valid. */
  build: (...outputs: Tensor[]) => { graph: Graph; weights: Weights }
}

/**
 * Begins a graph. Every method throws what checkGraph would of the node it adds.
 *
 *     const { input, build } = graphBuilder({ dims: [4], lo: -128, hi: 127 })
 *     const { graph, weights } = build(input.dense({ dims: [2, 4], values }).clamp(0, 127, { shift: 7 }))
 */
export function graphBuilder(input: { dims: number[] } & Range): Builder {
  const graph: Graph = { input, tables: [], parameters: [], nodes: [], outputs: [] }
  const weights: Weights = []

  const parameter = ({ dims, values }: Parameter): number => {
    if (values.length !== sizeOf(dims))
      throw proofsError('shape-mismatch', `${values.length} values for [${dims}]`)
    weights.push(Int32Array.from(values))
    return graph.parameters.push({ dims }) - 1
  }
  const tableOf = (values: Int16Array): FunctionId => {
    const known = graph.tables.indexOf(values)
    return { table: known >= 0 ? known : graph.tables.push(values) - 1 }
  }

  /** Adds a node; the range of a dense or conv is given. */
  function add(x: Tensor, unranged: Unranged, b?: Tensor, range?: Range): Tensor {
    const j = graph.nodes.length
    const name = nameOf(unranged as Node, j)
    const dims = dimsOf(
      graph,
      unranged as Node,
      name,
      [x, ...(b ? [b] : [])].map(input => input.dims),
    )
    const made = range ?? resultOf(graph, unranged as Node, x, b, x.dims)!
    // With 0, as padding has it; and never -0, which would not be read as it was written.
    const [lo, hi] = [Math.min(made.lo, 0) + 0, Math.max(made.hi, 0) + 0]
    const node = { ...unranged, lo, hi } as Node
    checkNode(graph, node, name, x, b, x.dims)
    graph.nodes.push(node)
    return tensor(j + 1, dims, { lo, hi })
  }

  /** What throws leaves the graph as it was. */
  function whole<T>(make: () => T): T {
    const [tables, parameters] = [graph.tables.length, graph.parameters.length]
    try {
      return make()
    } catch (error) {
      graph.tables.length = tables
      graph.parameters.length = weights.length = parameters
      throw error
    }
  }

  function weighted(
    x: Tensor,
    node: { op: 'dense' } | ({ op: 'conv' } & Stride),
    weight: Parameter,
    bias?: Parameter,
  ): Tensor {
    const numbers = { weight: parameter(weight), ...(bias ? { bias: parameter(bias) } : {}) }
    const [w, b] = [weights[numbers.weight]!, numbers.bias === undefined ? undefined : weights[numbers.bias]]
    return add(x, { ...node, x: x.index, ...numbers }, undefined, weightedRange(w, b, weight.dims[0]!, x))
  }

  function lookup(x: Tensor, f: FunctionId, options: LookupOptions): Tensor {
    const { multiplier = 1, shift = 0 } = options
    const window = windowOf(graph, f, quotientRange({ multiplier, shift }, x), options)
    return add(x, { op: 'lookup', x: x.index, multiplier, shift, f, ...window })
  }

  function tensor(index: number, dims: number[], { lo, hi }: Range): Tensor {
    const self: Tensor = {
      index,
      dims,
      lo,
      hi,
      dense: (weight, bias) => whole(() => weighted(self, { op: 'dense' }, weight, bias)),
      conv: (weight, { bias, ...at } = {}) =>
        whole(() => weighted(self, { op: 'conv', ...strideOf(at) }, weight, bias)),
      unfold: (kernel, at = {}) => add(self, { op: 'unfold', x: index, kernel, ...strideOf(at) }),
      sum: (count = 1) => add(self, { op: 'sum', x: index, count }),
      matmul: (b, { transposed = false } = {}) =>
        add(self, { op: 'matmul', a: index, b: b.index, transposed }, b),
      add: (b, ca = 1, cb = 1) => add(self, { op: 'add', a: index, b: b.index, ca, cb }, b),
      mul: b => add(self, { op: 'mul', a: index, b: b.index }, b),
      reshape: (...to) => add(self, { op: 'reshape', x: index, dims: to }),
      permute: (...axes) => add(self, { op: 'permute', x: index, axes }),
      clamp: (a, b, options = {}) => lookup(self, { clamp: [a, b] }, options),
      table: (values, options = {}) => whole(() => lookup(self, tableOf(values), options)),
      max: (count = 1) => add(self, { op: 'max', x: index, count, width: bits(self.hi - self.lo + 1) }),
      argmax: () => {
        const width = bits(2 ** bits(self.dims.at(-1) ?? 1) * (self.hi - self.lo + 1))
        return add(self, { op: 'argmax', x: index, width, window: signedBits(self) })
      },
    }
    return self
  }

  return {
    input: tensor(0, input.dims, input),
    build(...outputs) {
      const built = { ...graph, outputs: outputs.map(({ index }) => index).sort((a, b) => a - b) }
      checkGraph(built)
      checkWeights(built, weights)
      return { graph: built, weights }
    },
  }
}

/** A node without its range. */
type Unranged = Node extends infer N ? (N extends Node ? Omit<N, keyof Range> : never) : never

function strideOf({ stride = [1, 1], pads = [0, 0, 0, 0] }: Partial<Stride>): Stride {
  return { stride, pads }
}

/** The narrow form if q fits one of its windows, else the wide one (section 2.4, rule 2). */
function windowOf(
  graph: Graph,
  f: FunctionId,
  q: Range,
  options: LookupOptions,
): { wide: boolean; width: number } {
  const { offset, bits: v } = functionOf(graph, f)
  const needed = signedBits(q)
  const narrow = 'table' in f ? v : Math.max(needed, options.width ?? 0)
  if (!options.wide && needed <= narrow && narrow <= MAX_TABLE_BITS) return { wide: false, width: narrow }
  const blocks = [q.lo, q.hi].map(value => Math.floor((value - offset) / 2 ** v))
  const wide = signedBits({ lo: blocks[0]!, hi: blocks[1]! }) - 1
  return { wide: true, width: options.wide ? Math.max(wide, options.width ?? 0) : wide }
}

/** The least w, from 1, with -2^(w-1) ≤ lo and hi < 2^(w-1). */
function signedBits({ lo, hi }: Range): number {
  return bits(Math.max(-lo, hi + 1, 1)) + 1
}
