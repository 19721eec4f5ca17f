import { proofsError } from '../../errors.ts'
import type { FunctionId, Graph, Range, Weights } from '../graph/graph.ts'
import { centred, normalisedProduct, softmaxProduct } from './attention.ts'
import { type Builder, createBuilder, type Parameter } from './builder.ts'
import type { Statistics } from './calibrate.ts'
import { type Activation, activationOf, elements, type FloatNode, type Network } from './network.ts'
import { bits } from './ranges.ts'
import { inputScale, nearestShift, planLayer, regressionScale, type Wanted } from './scales.ts'

/** An integer tensor, and the real number that 1 of it stands for. */
type Scaled = { tensor: number; scale: number }

/** `scales`: that number for every tensor of the graph. */
export type Quantised = { graph: Graph; weights: Weights; scales: Float64Array }

const SIGNED: FunctionId & object = { clamp: [-127, 127] }
const UNSIGNED: FunctionId & object = { clamp: [0, 255] }

/** Bits of a table function's argument, and of its values. */
const TABLE = { argument: 10, value: 255 }

/** Magnitude of what may be multiplied by weights, or compared: ranges, and so the lookups behind, stay small. */
const SMALL = 2 ** 12 - 1

/** An argmax compares 2^κ values in a table of 2^12. */
const MAXIMUM_BITS = 12

type State = {
  network: Network
  statistics: readonly Statistics[]
  builder: Builder
  /** By tensor of the network. */
  tensors: Scaled[]
  /** The same, brought to eight bits, by tensor of the network. */
  small: Map<number, Scaled>
  /** By tensor of the network: the unit that its layer was made for, of the lookup that takes it. */
  units: Map<number, number>
  /** By tensor of the graph. */
  scales: number[]
}

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
    units: new Map(),
    scales: [scale],
  }
  network.nodes.forEach((node, j) => {
    state.tensors.push(quantiseNode(state, node, j + 1))
  })
  const { graph, weights } = builder.finish([state.tensors[network.output]!.tensor])
  // Tensors within a block have no scale that anybody needs: 1.
  const { length } = graph.nodes
  return { graph, weights, scales: Float64Array.from({ length: length + 1 }, (_, t) => state.scales[t] ?? 1) }
}

/** Notes the scale of a tensor of the graph. */
function made(state: State, tensor: number, scale: number): Scaled {
  state.scales[tensor] = scale
  return { tensor, scale }
}

function quantiseNode(state: State, node: FloatNode, j: number): Scaled {
  const { builder, tensors } = state
  if (state.network.input.offset !== 0 && 'x' in node && node.x === 0 && node.op !== 'dense')
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
      passUnit(state, node.x, j, 1)
      const moved =
        node.op === 'reshape' ? builder.reshape(tensor, node.dims) : builder.permute(tensor, node.axes)
      return made(state, moved, scale)
    }
    case 'scale': {
      const { tensor, scale } = tensors[node.x]!
      passUnit(state, node.x, j, node.factor)
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
      const unit = state.units.get(node.x) ?? unitOf(largest(state.statistics[node.x]!), side)
      const x = requantise(state, tensors[node.x]!, unit, { clamp: [-side, side] })
      return made(state, builder.argmax(x.tensor), 1)
    }
  }
}

/** What moves or rescales a layer's sums leaves the lookup behind them their unit. */
function passUnit({ units }: State, from: number, to: number, factor: number): void {
  const unit = units.get(from)
  if (unit !== undefined) units.set(to, unit * factor)
}

/** Scales of what a block made are known for its result only; of the tensors between, nobody reads any. */
function noted(state: State, { tensor, scale }: Scaled): Scaled {
  return made(state, tensor, scale)
}

function quantiseSoftmax(state: State, x: number): Scaled {
  const product = noted(state, softmaxProduct(state.builder, eightBits(state, x)))
  return requantise(state, product, 1 / 255, UNSIGNED)
}

/** 2^κ (2 side) + 2^κ ≤ 2^12. */
const argmaxSide = (count: number): number => Math.floor((2 ** (MAXIMUM_BITS - bits(count)) - 1) / 2)

const largest = ({ largest: high, smallest: low }: Statistics): number => Math.max(high, -low)

const unitOf = (magnitude: number, limit: number): number => (magnitude || 1) / limit

function quantiseLayer(state: State, node: FloatNode & { op: 'dense' | 'conv' }, j: number): Scaled {
  const { builder, network } = state
  const x = small(state, node.x)
  const offset = node.x === 0 ? network.input.offset : 0
  const bias = biasOf(node, offset)
  const layer = { weight: node.weight, bias, x: { ...builder.range(x.tensor), scale: x.scale } }
  const alone = network.nodes.length === 1
  const { scale, unit }: { scale: number; unit?: number } = alone
    ? { scale: regressionScale(layer) }
    : planLayer(layer, wantedBehind(state, j))
  if (unit !== undefined) state.units.set(j, unit)
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
    ('x' in node ? [node.x] : [node.a, node.b]).includes(j) ? [{ node, output: i + 1 }] : [],
  )
  const [only] = consumers
  if (!only) return undefined
  const clamped = { unit: unitOf(statistics[j]!.percentile, 127), narrow: true }
  if (consumers.length > 1) return clamped
  if (only.node.op === 'argmax') {
    const side = argmaxSide(network.nodes[j - 1]!.dims.at(-1)!)
    return { unit: unitOf(largest(statistics[j]!), side), narrow: true }
  }
  if (only.node.op !== 'activation') return clamped
  if (only.node.f === 'relu') return { unit: unitOf(statistics[only.output]!.percentile, 255), narrow: true }
  return { unit: tableUnit(statistics[j]!), narrow: false }
}

const tableUnit = ({ percentile }: Statistics): number => unitOf(percentile, 2 ** (TABLE.argument - 1) - 1)

function quantiseRelu(state: State, x: number, j: number): Scaled {
  const unit = state.units.get(x) ?? unitOf(state.statistics[j]!.percentile, 255)
  return requantise(state, state.tensors[x]!, unit, UNSIGNED)
}

function quantiseTable(state: State, x: number, f: Activation, j: number): Scaled {
  const { builder, statistics } = state
  const side = 2 ** (TABLE.argument - 1)
  const { multiplier, shift, unit } = shiftTo(
    state,
    state.tensors[x]!,
    state.units.get(x) ?? tableUnit(statistics[x]!),
  )
  const value = activationOf(f)
  const scale = unitOf(largest(statistics[j]!), TABLE.value)
  const table = builder.table(
    Array.from({ length: 2 * side }, (_, i) => Math.round(value((i - side) * unit) / scale)),
  )
  return made(state, builder.lookup(state.tensors[x]!.tensor, multiplier, shift, { table }), scale)
}

/** m / 2^s that brings a tensor to a unit, and the unit that it has then. */
function shiftTo({ builder }: State, { tensor, scale }: Scaled, unit: number) {
  const { lo, hi }: Range = builder.range(tensor)
  const { multiplier, shift } = nearestShift(scale / unit, Math.max(hi, -lo))
  return { multiplier, shift, unit: (scale * 2 ** shift) / multiplier }
}

function requantise(state: State, x: Scaled, wanted: number, f: FunctionId): Scaled {
  const { multiplier, shift, unit } = shiftTo(state, x, wanted)
  return made(state, state.builder.lookup(x.tensor, multiplier, shift, f), unit)
}

/** A tensor of the network as one that may be multiplied: itself, or its eight bits. */
function small(state: State, j: number): Scaled {
  return magnitudeOf(state, state.tensors[j]!) <= SMALL ? state.tensors[j]! : eightBits(state, j)
}

const magnitudeOf = ({ builder }: State, { tensor }: Scaled): number => {
  const { lo, hi } = builder.range(tensor)
  return Math.max(hi, -lo)
}

/** A tensor of the network in [-127, 127], or as it is where it is not larger than a byte. */
function eightBits(state: State, j: number): Scaled {
  const x = state.tensors[j]!
  if (magnitudeOf(state, x) <= TABLE.value) return x
  const unit = state.units.get(j) ?? unitOf(state.statistics[j]!.percentile, 127)
  const known = state.small.get(j) ?? requantise(state, x, unit, SIGNED)
  state.small.set(j, known)
  return known
}

/** ca · a + cb · b with the small integers that bring both nearest to one scale. */
function quantiseAdd(state: State, a: Scaled, b: Scaled): Scaled {
  const ratio = b.scale / a.scale
  let best = { ca: 1, cb: 1, error: Number.POSITIVE_INFINITY }
  for (let ca = 1; ca <= 64; ca++) {
    const cb = Math.round(ca * ratio)
    const error = Math.abs(cb / ca / ratio - 1)
    if (cb >= 1 && cb <= 64 && error < best.error) best = { ca, cb, error }
  }
  return made(state, state.builder.add(a.tensor, b.tensor, best.ca, best.cb), a.scale / best.ca)
}
