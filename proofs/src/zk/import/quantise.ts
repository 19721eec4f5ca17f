import { proofsError } from '../../errors.ts'
import type { FunctionId, Graph, Weights } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import { centred, normalisedProduct, softmaxProduct } from './attention.ts'
import { createBuilder, type Parameter } from './builder.ts'
import type { Statistics } from './calibrate.ts'
import {
  BYTE,
  byteWanted,
  clamp,
  eightBits,
  inputsOf,
  largest,
  made,
  type Scaled,
  SMALL,
  type State,
  shiftFrom,
  shiftOf,
  small,
  unitOf,
} from './integers.ts'
import { type Activation, activationOf, elements, type FloatNode, type Network } from './network.ts'
import { inputScale, planLayer, regressionScale, type Shift, type Wanted } from './scales.ts'
import { shareRemainders } from './share.ts'

/** `scales`: that number for every tensor of the graph. */
export type Quantised = { graph: Graph; weights: Weights; scales: Float64Array }

const UNSIGNED: FunctionId = { clamp: [0, 255] }

/** Bits of a table function's argument. */
const TABLE_BITS = 10

/** The smaller factor of a sum of two scales. */
const MAX_FACTOR = 64

/** An argmax compares 2^κ values in a table of 2^12. */
const MAXIMUM_BITS = 12

/**
 * The integer graph of a network (docs/zk-soundness.md, section 2.2): 99.99 % of an activation's values in the samples are within
 * eight bits, the rest saturates; sums are exact.
 * @throws NacreError unsupported-operator for an offset of the input that no layer takes
 */
export function quantise(network: Network, statistics: readonly Statistics[]): Quantised {
  const { lo, hi, scale } = inputScale(network, statistics[0]!)
  const builder = createBuilder({ dims: network.input.dims, lo, hi })
  const input = { tensor: 0, scale: scale * network.input.scale }
  const state: State = {
    network,
    statistics,
    builder,
    tensors: [input],
    small: new Map(),
    shifts: new Map(),
    scales: [scale],
  }
  network.nodes.forEach((node, j) => {
    state.tensors.push(quantiseNode(state, node, j + 1))
  })
  const output = state.tensors[network.output]!
  const { graph, weights } = builder.finish([output.tensor])
  // A factor at the end makes no tensor of its own.
  state.scales[output.tensor] = output.scale
  shareRemainders(graph)
  // Tensors within a block have no scale that anybody needs: 1.
  const { length } = graph.nodes
  return { graph, weights, scales: Float64Array.from({ length: length + 1 }, (_, t) => state.scales[t] ?? 1) }
}

function quantiseNode(state: State, node: FloatNode, j: number): Scaled {
  const { builder, tensors } = state
  if (state.network.input.offset !== 0 && inputsOf(node).includes(0) && node.op !== 'dense')
    throw proofsError('unsupported-operator', `the input has an offset, which "${node.name}" cannot take`)
  switch (node.op) {
    case 'dense':
    case 'conv':
      return quantiseLayer(state, node, j)
    case 'activation':
      return node.f === 'relu' ? quantiseRelu(state, node.x, j) : quantiseTable(state, node.x, node.f, j)
    case 'average':
    case 'maximum': {
      const x = small(state, node.x)
      const windows = made(
        state,
        builder.unfold(x.tensor, node.kernel, { stride: node.stride, pads: node.pads }),
        x.scale,
      )
      if (node.op === 'maximum') return made(state, builder.max(windows.tensor, 2), x.scale)
      return made(state, builder.sum(windows.tensor, 2), x.scale / elements(node.kernel))
    }
    case 'add':
      return quantiseAdd(state, small(state, node.a), small(state, node.b))
    case 'reshape':
    case 'permute': {
      const { tensor, scale } = tensors[node.x]!
      passShift(state, node.x, j)
      const moved =
        node.op === 'reshape' ? builder.reshape(tensor, node.dims) : builder.permute(tensor, node.axes)
      return made(state, moved, scale)
    }
    case 'scale': {
      const { tensor, scale } = tensors[node.x]!
      passShift(state, node.x, j)
      return { tensor, scale: scale * node.factor }
    }
    case 'matmul': {
      const [a, b] = [small(state, node.a), small(state, node.b)]
      return made(state, builder.matmul(a.tensor, b.tensor, false), a.scale * b.scale)
    }
    case 'softmax':
      return quantiseSoftmax(state, node.x)
    case 'centre':
      return noted(state, centred(builder, small(state, node.x)))
    case 'normalise':
      return noted(state, normalisedProduct(builder, eightBits(state, node.x)))
    case 'argmax': {
      const side = argmaxSide(builder.dims(tensors[node.x]!.tensor).at(-1)!)
      const wanted = argmaxWanted(state.statistics[node.x]!, side)
      const x = clamp(state, tensors[node.x]!, shiftOf(state, node.x, wanted), { clamp: [-side, side] })
      return made(state, builder.argmax(x.tensor), 1)
    }
  }
}

const argmaxWanted = (seen: Statistics, side: number): Wanted => ({
  unit: unitOf(largest(seen), side),
  window: bits(2 * side + 1),
  narrow: true,
})

/** What moves or rescales a layer's sums leaves the lookup behind them its shift. */
function passShift({ shifts }: State, from: number, to: number): void {
  const shift = shifts.get(from)
  if (shift) shifts.set(to, shift)
}

/** Scales of what a block made are known for its result only; of the tensors between, nobody reads any. */
function noted(state: State, { tensor, scale }: Scaled): Scaled {
  return made(state, tensor, scale)
}

function quantiseSoftmax(state: State, x: number): Scaled {
  const product = noted(state, softmaxProduct(state.builder, eightBits(state, x)))
  return clamp(state, product, shiftFrom(state, product, byteWanted(1, BYTE)), UNSIGNED)
}

/** 2^κ (2 side) + 2^κ ≤ 2^12. */
const argmaxSide = (count: number): number => Math.floor((2 ** (MAXIMUM_BITS - bits(count)) - 1) / 2)

function quantiseLayer(state: State, node: FloatNode & { op: 'dense' | 'conv' }, j: number): Scaled {
  const { builder, network } = state
  const x = small(state, node.x)
  const offset = node.x === 0 ? network.input.offset : 0
  const bias = biasOf(node, offset)
  const layer = { weight: node.weight, bias, x: { ...builder.range(x.tensor), scale: x.scale } }
  const alone = network.nodes.every(other => other === node || other.op === 'scale')
  const { scale, shift }: { scale: number; shift?: Shift } = alone
    ? { scale: regressionScale(layer) }
    : planLayer(layer, wantedBehind(state, j))
  if (shift) state.shifts.set(j, shift)
  const weight = rounded(node.weight.dims, node.weight.values, scale)
  const biases = bias && rounded([bias.length], bias, x.scale * scale)
  const tensor =
    node.op === 'dense'
      ? builder.dense(x.tensor, weight, biases)
      : builder.conv(x.tensor, weight, biases, { stride: node.stride, pads: node.pads })
  return made(state, tensor, x.scale * scale)
}

const rounded = (dims: number[], values: Float64Array, scale: number): Parameter => ({
  dims,
  values: Int32Array.from(values, value => Math.round(value / scale)),
})

/** The bias with what an offset of the input adds: W (s x + o) + b = s W x + (o W 1 + b). */
function biasOf(
  { weight, bias }: FloatNode & { op: 'dense' | 'conv' },
  offset: number,
): Float64Array | undefined {
  if (offset === 0) return bias
  const perOutput = elements(weight.dims.slice(1))
  return Float64Array.from({ length: weight.dims[0]! }, (_, n) => {
    const row = weight.values.subarray(n * perOutput, (n + 1) * perOutput)
    return row.reduce((total, value) => total + value * offset, bias?.[n] ?? 0)
  })
}

/** What the lookup that will take a layer's sums wants; nothing where they are the network's outputs. */
function wantedBehind({ network, statistics }: State, j: number): Wanted | undefined {
  const consumers = network.nodes.flatMap((node, i) =>
    inputsOf(node).includes(j) ? [{ node, output: i + 1 }] : [],
  )
  const [only] = consumers
  if (!only) return undefined
  const clamped = byteWanted(statistics[j]!.percentile, 127)
  if (consumers.length > 1) return clamped
  if (only.node.op === 'argmax') {
    const side = argmaxSide(network.nodes[j - 1]!.dims.at(-1)!)
    return argmaxWanted(statistics[j]!, side)
  }
  if (only.node.op !== 'activation') return clamped
  if (only.node.f === 'relu') return byteWanted(statistics[only.output]!.percentile, BYTE)
  return tableWanted(statistics[j]!)
}

const tableWanted = ({ percentile }: Statistics): Wanted => ({
  unit: unitOf(percentile, 2 ** (TABLE_BITS - 1) - 1),
  window: TABLE_BITS,
  narrow: false,
})

function quantiseRelu(state: State, x: number, j: number): Scaled {
  const wanted = byteWanted(state.statistics[j]!.percentile, BYTE)
  return clamp(state, state.tensors[x]!, shiftOf(state, x, wanted), UNSIGNED)
}

function quantiseTable(state: State, x: number, f: Activation, j: number): Scaled {
  const { builder, statistics } = state
  const { tensor, scale: from } = state.tensors[x]!
  const side = 2 ** (TABLE_BITS - 1)
  const { multiplier, shift } = shiftOf(state, x, tableWanted(statistics[x]!))
  const unit = (from * 2 ** shift) / multiplier
  const value = activationOf(f)
  const scale = unitOf(largest(statistics[j]!), BYTE)
  const table = builder.table(
    Array.from({ length: 2 * side }, (_, i) => Math.round(value((i - side) * unit) / scale)),
  )
  return made(state, builder.lookup(tensor, multiplier, shift, { table }), scale)
}

/**
 * ca · a + cb · b with the small integers that bring both nearest to one scale. Of two scales that are too far apart the finer one is
 * taken as if it were coarser: what it adds is less than 1 of the other.
 */
function quantiseAdd(state: State, a: Scaled, b: Scaled): Scaled {
  const ratio = b.scale / a.scale
  const within = (factor: number): number => Math.min(Math.max(1, Math.round(factor)), SMALL)
  const pairs = Array.from({ length: MAX_FACTOR }, (_, i) => i + 1).flatMap(k => [
    [k, within(k * ratio)] as const,
    [within(k / ratio), k] as const,
  ])
  const error = ([ca, cb]: readonly [number, number]): number => Math.abs(Math.log(cb / ca / ratio))
  const [ca, cb] = pairs.reduce((best, pair) => (error(pair) < error(best) ? pair : best))
  const scale = ratio > 1 ? b.scale / cb : a.scale / ca
  return made(state, state.builder.add(a.tensor, b.tensor, ca, cb), scale)
}
