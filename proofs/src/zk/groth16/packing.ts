/** Tensors as field elements, and what a proof is public about (docs/zk-groth16.md, section 2). */
import { proofsError } from '../../errors.ts'
import type { Graph, Range } from '../graph/graph.ts'
import { bits, sizeOf } from '../graph/limits.ts'
import { checkGraph, rangeOf } from '../graph/ranges.ts'
import { checkValues } from '../graph/reference.ts'
import { fieldBytes } from './field.ts'
import { poseidonChain } from './poseidon.ts'

const VERSION = 1n

/** How a tensor's values become elements: `width` bits each, value - lo, the first value lowest. */
export type Packing = {
  /** Of a commitment's list: says how the rest of it is packed. */
  header: bigint
  lo: number
  width: number
  perElement: number
  /** Number of values, the batch included. */
  count: number
  /** Number of elements, without the header. */
  elements: number
}

/** Every element is below 2^253, and so below the modulus. */
export const ELEMENT_BITS = 253

export function packingOf({ lo, hi }: Range, count: number): Packing {
  const width = Math.max(1, bits(hi - lo + 1))
  const header = VERSION | (BigInt(width) << 8n) | (BigInt(count) << 16n) | (BigInt(lo + 0x8000_0000) << 48n)
  const perElement = Math.floor(ELEMENT_BITS / width)
  return { header, lo, width, perElement, count, elements: Math.ceil(count / perElement) }
}

/** How a graph's input and outputs are packed. @throws NacreError what checkGraph throws */
export function packingsOf(graph: Graph, batch: number): { input: Packing; outputs: Packing[] } {
  const shapes = checkGraph(graph, batch)
  const of = (tensor: number): Packing => packingOf(rangeOf(graph, tensor), sizeOf(shapes[tensor]!.dims))
  return { input: of(0), outputs: graph.outputs.map(of) }
}

/** The elements of values that are in the range, without the header. */
export function packed(
  { lo, width, perElement }: Pick<Packing, 'lo' | 'width' | 'perElement'>,
  values: Int32Array,
): bigint[] {
  const elements: bigint[] = []
  for (let from = 0; from < values.length; from += perElement) {
    let element = 0n
    for (const [i, value] of values.subarray(from, from + perElement).entries())
      element |= BigInt(value - lo) << BigInt(width * i)
    elements.push(element)
  }
  return elements
}

/**
 * The commitment to a request's input, an element of the field.
 * @param input row-major, batch first
 * @throws NacreError invalid-input, zk-value-out-of-range, and what checkGraph throws
 */
export function inputCommitment(graph: Graph, input: Int32Array, batch = 1): bigint {
  const packing = packingsOf(graph, batch).input
  checkValues(graph, 0, input, packing.count)
  return poseidonChain([packing.header, ...packed(packing, input)])
}

/**
 * The public signals of a proof: the input's commitment, then the elements of all outputs in order.
 * @param outputs row-major, batch first
 * @throws NacreError as inputCommitment does
 */
export function signalsOf(
  graph: Graph,
  commitment: bigint,
  outputs: readonly Int32Array[],
  batch = 1,
): bigint[] {
  const packings = packingsOf(graph, batch).outputs
  if (outputs.length !== packings.length)
    throw proofsError('invalid-input', `${outputs.length} tensors of values, not ${packings.length}`)
  return [
    commitment,
    ...packings.flatMap((packing, i) => {
      checkValues(graph, graph.outputs[i]!, outputs[i]!, packing.count)
      return packed(packing, outputs[i]!)
    }),
  ]
}

/** A commitment as bytes32: a `zk` request's input hash. Most significant byte first. */
export function commitmentBytes(commitment: bigint): Uint8Array {
  return fieldBytes(commitment)
}
