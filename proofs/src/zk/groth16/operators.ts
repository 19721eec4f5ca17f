/** The operators of docs/zk-soundness.md, section 2.2, on linear combinations (docs/zk-groth16.md, section 4). */
import { proofsError } from '../../errors.ts'
import type { Graph, Node, NodeOf, Op, Range, Stride, Weights } from '../graph/graph.ts'
import { quotientRange } from '../graph/ranges.ts'
import { flat, indices } from '../graph/reference.ts'
import type { CircuitBuilder } from './circuit.ts'
import { clampedQuotient, firstMaximum, maximum } from './gadgets.ts'
import { add, combine, constant, type Linear, ZERO } from './linear.ts'

/** Dimensions begin with the batch; b and bDims are the second input's. */
export type OperatorInputs = {
  builder: CircuitBuilder
  graph: Graph
  weights: Weights
  x: readonly Linear[]
  b: readonly Linear[]
  /** Of x, as declared. */
  range: Range
  xDims: number[]
  bDims: number[]
  yDims: number[]
  /** The node, in words. */
  name: string
}

/** A node's result, row-major, batch first. @throws NacreError unsupported-operator, model-too-large */
export function resultOf(node: Node, inputs: OperatorInputs): Linear[] {
  return (RULES[node.op] as (node: Node, inputs: OperatorInputs) => Linear[])(node, inputs)
}

/** Operators that read each element often: theirs are made single wires before. */
export const READS_OFTEN: ReadonlySet<Op> = new Set<Op>(['dense', 'conv', 'matmul', 'max', 'argmax'])

const RULES: { [O in Op]: (node: NodeOf<O>, inputs: OperatorInputs) => Linear[] } = {
  dense({ weight, bias }, { weights, x, xDims, yDims }) {
    const [features, outputs] = [xDims.at(-1)!, yDims.at(-1)!]
    return made(yDims, i => {
      const n = i % outputs
      const row = Math.floor(i / outputs) * features
      return weighted(
        Array.from(
          { length: features },
          (_, k) => [x[row + k]!, weights[weight]![n * features + k]!] as const,
        ),
        biasOf(weights, bias, n),
      )
    })
  },

  conv(node, { graph, weights, x, xDims, yDims }) {
    const [, ...kernel] = graph.parameters[node.weight]!.dims
    const weight = weights[node.weight]!
    const at = pixelsOf(x, xDims, node)
    return mapIndices(yDims, ([b, n, oy, ox]) => {
      let w = (weight.length / yDims[1]!) * n!
      const terms = mapIndices(
        kernel,
        ([c, ky, kx]) => [at(b!, c!, oy!, ox!, ky!, kx!), weight[w++]!] as const,
      )
      return weighted(terms, biasOf(weights, node.bias, n!))
    })
  },

  unfold(node, { x, xDims, yDims }) {
    const at = pixelsOf(x, xDims, node)
    return mapIndices(yDims, index => at(...(index as Parameters<typeof at>)))
  },

  sum: (_, { x, yDims }) =>
    groupsOf(x, yDims).map(group => weighted(group.map(value => [value, 1] as const))),

  matmul({ transposed }, { builder, x: a, b, xDims: aDims, bDims, yDims }) {
    const inner = aDims.at(-1)!
    return mapIndices(yDims, index => {
      const [outer, i, j] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!]
      const products = Array.from({ length: inner }, (_, d) => {
        const right = transposed ? [j, d] : [d, j]
        return builder.product(a[flat(aDims, [...outer, i, d])]!, b[flat(bDims, [...outer, ...right])]!)
      })
      return weighted(products.map(product => [product, 1] as const))
    })
  },

  add({ ca, cb }, { x: a, b }) {
    const same = a.length / b.length
    return a.map((value, i) =>
      weighted([
        [value, ca],
        [b[Math.floor(i / same)]!, cb],
      ]),
    )
  },

  mul(_, { builder, x: a, b }) {
    const same = a.length / b.length
    return a.map((value, i) => builder.product(value, b[Math.floor(i / same)]!))
  },

  reshape: (_, { x }) => [...x],

  permute: ({ axes }, { x, xDims, yDims }) =>
    mapIndices(yDims, ([batch, ...index]) => {
      const source = [batch!, ...index]
      for (const [at, axis] of axes.entries()) source[1 + axis] = index[at]!
      return x[flat(xDims, source)]!
    }),

  lookup({ multiplier, shift, f }, { builder, x, range, name }) {
    if ('table' in f)
      throw proofsError(
        'unsupported-operator',
        `${name} looks up a table, which Groth16 circuits do not have: the transparent prover does`,
      )
    const quotients = quotientRange({ multiplier, shift }, range)
    const half = constant(shift === 0 ? 0n : 1n << BigInt(shift - 1))
    return x.map(value =>
      clampedQuotient(builder, add(weighted([[value, multiplier]]), half), shift, quotients, f.clamp),
    )
  },

  max: (_, { builder, x, range, yDims }) => groupsOf(x, yDims).map(group => maximum(builder, group, range)),

  argmax: (_, { builder, x, range, yDims }) =>
    groupsOf(x, yDims).map(group => firstMaximum(builder, group, range)),
}

/** Σ factor · linear + bias. */
function weighted(terms: readonly (readonly [Linear, number])[], bias = 0): Linear {
  return combine([
    ...terms.map(([linear, factor]) => [linear, BigInt(factor)] as const),
    [constant(BigInt(bias)), 1n],
  ])
}

function biasOf(weights: Weights, bias: number | undefined, output: number): number {
  return bias === undefined ? 0 : weights[bias]![output]!
}

/** x in as many equal parts as y has elements. */
function groupsOf(x: readonly Linear[], yDims: number[]): Linear[][] {
  const count = x.length / yDims.reduce((product, dim) => product * dim, 1)
  return made(yDims, i => x.slice(i * count, (i + 1) * count))
}

function made<T>(dims: number[], make: (position: number) => T): T[] {
  return Array.from({ length: dims.reduce((product, dim) => product * dim, 1) }, (_, i) => make(i))
}

/** For every index in row-major order. */
function mapIndices<T>(dims: number[], make: (index: number[]) => T): T[] {
  const results: T[] = []
  for (const index of indices(dims)) results.push(make(index))
  return results
}

type Pixels = (batch: number, channel: number, oy: number, ox: number, ky: number, kx: number) => Linear

/** The element of x under a kernel's (ky, kx) at a place (oy, ox); 0 outside of x. */
function pixelsOf(x: readonly Linear[], xDims: number[], { stride, pads }: Stride): Pixels {
  const [, , height, width] = xDims as [number, number, number, number]
  return (b, c, oy, ox, ky, kx) => {
    const iy = oy * stride[0] + ky - pads[0]
    const ix = ox * stride[1] + kx - pads[2]
    const inside = iy >= 0 && iy < height && ix >= 0 && ix < width
    return inside ? x[flat(xDims, [b, c, iy, ix])]! : ZERO
  }
}
