import type { FunctionId } from '../graph/graph.ts'
import type { Builder } from './builder.ts'
import type { Statistics } from './calibrate.ts'
import type { FloatNode, Network } from './network.ts'
import { type Shift, shiftTo, type Wanted } from './scales.ts'

/** Integer tensors of a network in the making, and how they are brought to eight bits. */

/** An integer tensor, and the real number that 1 of it stands for. */
export type Scaled = { tensor: number; scale: number }

const SIGNED: FunctionId = { clamp: [-127, 127] }

/** A byte without a sign: what is no larger needs no lookup. */
export const BYTE = 255

/** Magnitude of what may be multiplied by weights, or compared: ranges, and so the lookups behind, stay small. */
export const SMALL: number = 2 ** 12 - 1

export type State = {
  network: Network
  statistics: readonly Statistics[]
  builder: Builder
  /** By tensor of the network. */
  tensors: Scaled[]
  /** The same, brought to eight bits, by tensor of the network. */
  small: Map<number, Scaled>
  /** By tensor of the network: the shift of the lookup behind it that its layer was made for. */
  shifts: Map<number, Shift>
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

/** The shift of the lookup that takes tensor j of the network. */
export const shiftOf = (state: State, j: number, wanted: Wanted): Shift =>
  state.shifts.get(j) ?? shiftFrom(state, state.tensors[j]!, wanted)

/** The shift of a lookup that takes a tensor of the graph. */
export const shiftFrom = ({ builder }: State, { tensor, scale }: Scaled, wanted: Wanted): Shift =>
  shiftTo({ ...builder.range(tensor), scale }, wanted)

/** A lookup, whose result has the unit of its argument: a clamp. */
export function clamp(
  state: State,
  { tensor, scale }: Scaled,
  { multiplier, shift }: Shift,
  f: FunctionId,
): Scaled {
  return made(state, state.builder.lookup(tensor, multiplier, shift, f), (scale * 2 ** shift) / multiplier)
}

/** A tensor of the network as one that may be multiplied: itself, or its eight bits. */
export function small(state: State, j: number): Scaled {
  return magnitudeOf(state, state.tensors[j]!) <= SMALL ? state.tensors[j]! : eightBits(state, j)
}

const magnitudeOf = ({ builder }: State, { tensor }: Scaled): number => {
  const { lo, hi } = builder.range(tensor)
  return Math.max(hi, -lo)
}

/** What a clamp to [-127, 127], or to [0, 255], wants for values of this magnitude. */
export const byteWanted = (magnitude: number, limit: number): Wanted => ({
  unit: unitOf(magnitude, limit),
  window: 8,
  narrow: true,
})

/** A tensor of the network in [-127, 127], or as it is where it is not larger than a byte. */
export function eightBits(state: State, j: number): Scaled {
  const x = state.tensors[j]!
  if (magnitudeOf(state, x) <= BYTE) return x
  const wanted = byteWanted(state.statistics[j]!.percentile, 127)
  const known = state.small.get(j) ?? clamp(state, x, shiftOf(state, j, wanted), SIGNED)
  state.small.set(j, known)
  return known
}
