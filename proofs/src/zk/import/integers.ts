import type { FunctionId, Range } from '../graph/graph.ts'
import type { Builder } from './builder.ts'
import type { Statistics } from './calibrate.ts'
import type { FloatNode, Network } from './network.ts'
import { nearestShift } from './scales.ts'

/** Integer tensors of a network in the making, and how they are brought to eight bits. */

/** An integer tensor, and the real number that 1 of it stands for. */
export type Scaled = { tensor: number; scale: number }

const SIGNED: FunctionId = { clamp: [-127, 127] }

/** A byte without a sign: what is no larger needs no lookup. */
export const BYTE = 255

/** Magnitude of what may be multiplied by weights, or compared: ranges, and so the lookups behind, stay small. */
const SMALL = 2 ** 12 - 1

export type State = {
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

/** Notes the scale of a tensor of the graph. */
export function made(state: State, tensor: number, scale: number): Scaled {
  state.scales[tensor] = scale
  return { tensor, scale }
}

export const inputsOf = (node: FloatNode): number[] => ('x' in node ? [node.x] : [node.a, node.b])

export const largest = ({ largest: high, smallest: low }: Statistics): number => Math.max(high, -low)

export const unitOf = (magnitude: number, limit: number): number => (magnitude || 1) / limit

/** m / 2^s that brings a tensor to a unit, and the unit that it has then. */
export function shiftTo(
  { builder }: State,
  { tensor, scale }: Scaled,
  unit: number,
): { multiplier: number; shift: number; unit: number } {
  const { lo, hi }: Range = builder.range(tensor)
  const { multiplier, shift } = nearestShift(scale / unit, Math.max(hi, -lo))
  return { multiplier, shift, unit: (scale * 2 ** shift) / multiplier }
}

export function requantise(state: State, x: Scaled, wanted: number, f: FunctionId): Scaled {
  const { multiplier, shift, unit } = shiftTo(state, x, wanted)
  return made(state, state.builder.lookup(x.tensor, multiplier, shift, f), unit)
}

/** A tensor of the network as one that may be multiplied: itself, or its eight bits. */
export function small(state: State, j: number): Scaled {
  return magnitudeOf(state, state.tensors[j]!) <= SMALL ? state.tensors[j]! : eightBits(state, j)
}

const magnitudeOf = ({ builder }: State, { tensor }: Scaled): number => {
  const { lo, hi } = builder.range(tensor)
  return Math.max(hi, -lo)
}

/** A tensor of the network in [-127, 127], or as it is where it is not larger than a byte. */
export function eightBits(state: State, j: number): Scaled {
  const x = state.tensors[j]!
  if (magnitudeOf(state, x) <= BYTE) return x
  const unit = state.units.get(j) ?? unitOf(state.statistics[j]!.percentile, 127)
  const known = state.small.get(j) ?? requantise(state, x, unit, SIGNED)
  state.small.set(j, known)
  return known
}
