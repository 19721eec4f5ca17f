/** Tensors as field elements, and the commitments to them (docs/zk-groth16.md, section 2). */
import { proofsError } from '../../errors.ts'
import type { Graph, Range } from '../graph/graph.ts'
import { bits, sizeOf } from '../graph/limits.ts'
import { checkGraph, rangeOf } from '../graph/ranges.ts'
import { checkValues } from '../graph/reference.ts'
import { fieldBytes } from './field.ts'
import { poseidon, poseidonChain } from './poseidon.ts'

const VERSION = 1n
const KINDS = { input: 1n, output: 2n } as const

export type PackingKind = keyof typeof KINDS

/** How a tensor's values become elements: `width` bits each, value - lo, the first value lowest. */
export type Packing = { header: bigint; lo: number; width: number; perElement: number }

/** Every element is below 2^253, and so below the modulus. */
const ELEMENT_BITS = 253

/** @param count of all values, the batch included */
export function packingOf(kind: PackingKind, { lo, hi }: Range, count: number): Packing {
  const width = Math.max(1, bits(hi - lo + 1))
  const header =
    VERSION |
    (KINDS[kind] << 8n) |
    (BigInt(width) << 16n) |
    (BigInt(count) << 24n) |
    (BigInt(lo + 0x8000_0000) << 56n)
  return { header, lo, width, perElement: Math.floor(ELEMENT_BITS / width) }
}

/** The header, then the values; of values that are in the range. */
export function packed({ header, lo, width, perElement }: Packing, values: Int32Array): bigint[] {
  const elements = [header]
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
 * @throws NacreError invalid-input, zk-value-out-of-range, and what checkGraph throws
 */
export function inputCommitment(graph: Graph, input: Int32Array, batch = 1): bigint {
  return commitment(graph, 'input', [0], [input], batch)
}

/**
 * The commitment to all outputs in order, an element of the field.
 * @throws NacreError as inputCommitment does
 */
export function outputCommitment(graph: Graph, outputs: readonly Int32Array[], batch = 1): bigint {
  return commitment(graph, 'output', graph.outputs, outputs, batch)
}

/** What a proof has for its one public signal. */
export function publicSignal(input: bigint, output: bigint): bigint {
  return poseidon([input, output])
}

/** A commitment as bytes32: a `zk` request's input hash. Most significant byte first. */
export function commitmentBytes(commitment: bigint): Uint8Array {
  return fieldBytes(commitment)
}

function commitment(
  graph: Graph,
  kind: PackingKind,
  tensors: readonly number[],
  values: readonly Int32Array[],
  batch: number,
): bigint {
  const shapes = checkGraph(graph, batch)
  if (values.length !== tensors.length)
    throw proofsError('invalid-input', `${values.length} tensors of values, not ${tensors.length}`)
  const elements = tensors.flatMap((tensor, i) => {
    const count = sizeOf(shapes[tensor]!.dims)
    checkValues(graph, tensor, values[i]!, count)
    return packed(packingOf(kind, rangeOf(graph, tensor), count), values[i]!)
  })
  return poseidonChain(elements)
}
