/**
 * A verification key as one file, `.nzkg` (docs/zk-groth16.md, section 6): which circuit it is of, as far as a contract
 * needs to know it, and the public part of its setup. Its SHA-256 is the artifact of `zk` requests.
 */

import { concatAll } from '@nacre/verify/bytes'
import { sha256 } from '@noble/hashes/sha2.js'
import { proofsError } from '../../errors.ts'
import type { Graph } from '../graph/graph.ts'
import { checkGraph, rangeOf } from '../graph/ranges.ts'
import { ELEMENT_BITS, packingOf } from './packing.ts'
import {
  type G1,
  G1_BYTES,
  type G2,
  G2_BYTES,
  G2_GENERATOR,
  g1Bytes,
  g2Bytes,
  isG1,
  isG2,
  readG1,
  readG2,
  sameG2,
} from './points.ts'

/** What anybody can know of a setup. */
export type SetupPoints = { alpha: G1; beta: G2; gamma: G2; delta: G2; ic: readonly G1[] }

export type VerificationKey = SetupPoints & {
  /** Who made a development's setup can forge: no chain but 31337 takes its keys. */
  setup: 'ceremony' | 'development'
  /** Dimensions of the only output, the batch first where there is one. */
  dims: readonly number[]
  /** The output's lowest value, and the bits of each. */
  lo: number
  width: number
}

/** As contracts have it. */
const DEVELOPMENT_CHAIN = 31_337n

const MAGIC = Uint8Array.of(0x4e, 0x5a, 0x4b, 0x47) // "NZKG"
const VERSION = 1
const HEAD_BYTES = 16
const MAX_RANK = 8
const MAX_WIDTH = 32
/** Of the output: every one costs a contract 6.8 k gas. */
export const MAX_ELEMENTS = 16
const SETUPS = ['ceremony', 'development'] as const
/** No file is longer. */
export const MAX_KEY_FILE: number =
  HEAD_BYTES + 4 * MAX_RANK + G1_BYTES + 3 * G2_BYTES + G1_BYTES * (2 + MAX_ELEMENTS)

/** A circuit, as far as its key depends on it. */
type Keyed = { graph: Graph; batch: number }

/**
 * What a key says of its circuit's output: known before there is a setup.
 * @throws NacreError zk-key-unsupported for a graph of several outputs, or of more values than a contract is to pack
 */
export function keyedOutput({ graph, batch }: Keyed): Pick<VerificationKey, 'dims' | 'lo' | 'width'> {
  const [output, ...others] = graph.outputs
  if (output === undefined || others.length > 0)
    throw proofsError('zk-key-unsupported', `a key is of one output, the graph has ${graph.outputs.length}`)
  const { dims } = checkGraph(graph, batch)[output]!
  const { lo, width, elements } = packingOf(rangeOf(graph, output), countOf(dims))
  if (elements > MAX_ELEMENTS)
    throw proofsError(
      'zk-key-unsupported',
      `the output has ${elements} elements, a key at most ${MAX_ELEMENTS}`,
    )
  return { dims, lo, width }
}

/** The key of a graph's circuit. @throws NacreError zk-key-unsupported, zk-invalid-key */
export function keyOf(circuit: Keyed, setup: VerificationKey['setup'], points: SetupPoints): VerificationKey {
  const { alpha, beta, gamma, delta, ic } = points
  const key: VerificationKey = { setup, ...keyedOutput(circuit), alpha, beta, gamma, delta, ic }
  checkKey(key)
  return key
}

/**
 * Big-endian: `"NZKG" | u8 1 | u8 setup | u8 width | u32 values | i32 lo | u8 rank | u32 dimension × rank | alpha | beta | gamma |
 * delta | ic`.
 * @throws NacreError zk-invalid-key
 */
export function encodeKey(key: VerificationKey): Uint8Array {
  checkKey(key)
  const { setup, dims, lo, width, alpha, beta, gamma, delta, ic } = key
  const head = new Uint8Array(HEAD_BYTES + 4 * dims.length)
  const view = new DataView(head.buffer)
  head.set(MAGIC)
  head.set([VERSION, SETUPS.indexOf(setup), width], 4)
  view.setUint32(7, countOf(dims))
  view.setInt32(11, lo)
  head[15] = dims.length
  for (const [i, dim] of dims.entries()) view.setUint32(HEAD_BYTES + 4 * i, dim)
  return concatAll([head, g1Bytes(alpha), ...[beta, gamma, delta].map(g2Bytes), ...ic.map(g1Bytes)])
}

/** @throws NacreError zk-invalid-key, zk-unsupported-version */
export function decodeKey(bytes: Uint8Array): VerificationKey {
  if (bytes.length > MAX_KEY_FILE || bytes.length < HEAD_BYTES)
    throw invalid(`${bytes.length} bytes, not ${HEAD_BYTES} to ${MAX_KEY_FILE}`)
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw invalid('the bytes do not begin with NZKG')
  if (bytes[4] !== VERSION) throw proofsError('zk-unsupported-version', `the key has version ${bytes[4]}`)
  const setup = SETUPS[bytes[5]!]
  if (!setup) throw invalid(`setup is ${bytes[5]}, not 0 or 1`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const [width, count, lo, rank] = [bytes[6]!, view.getUint32(7), view.getInt32(11), bytes[15]!]
  if (width < 1 || width > MAX_WIDTH) throw invalid(`values of ${width} bits`)
  if (rank < 1 || rank > MAX_RANK) throw invalid(`${rank} dimensions, not 1 to ${MAX_RANK}`)
  const points = HEAD_BYTES + 4 * rank
  const elements = Math.ceil(count / Math.floor(ELEMENT_BITS / width))
  const size = points + G1_BYTES + 3 * G2_BYTES + G1_BYTES * (2 + elements)
  if (count < 1 || elements > MAX_ELEMENTS) throw invalid(`an output of ${count} values of ${width} bits`)
  if (bytes.length !== size) throw invalid(`${bytes.length} bytes, not ${size}`)
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(HEAD_BYTES + 4 * i))
  if (countOf(dims) !== count) throw invalid(`dimensions ${dims} of ${count} values`)
  const at = (from: number, length: number): Uint8Array => bytes.subarray(from, from + length)
  const [beta, gamma, delta] = [0, 1, 2].map(i => readG2(at(points + G1_BYTES + G2_BYTES * i, G2_BYTES)))
  const ic = points + G1_BYTES + 3 * G2_BYTES
  const key: VerificationKey = {
    ...{ setup, dims, lo, width, beta: beta!, gamma: gamma!, delta: delta! },
    alpha: readG1(at(points, G1_BYTES)),
    ic: Array.from({ length: 2 + elements }, (_, i) => readG1(at(ic + G1_BYTES * i, G1_BYTES))),
  }
  checkKey(key)
  return key
}

/** Whether a key counts on a chain: of a development setup on anvil's alone. */
export function countsOn({ setup }: Pick<VerificationKey, 'setup'>, chainId: number | bigint): boolean {
  return setup === 'ceremony' || BigInt(chainId) === DEVELOPMENT_CHAIN
}

/** The artifact of requests for proofs by this key: SHA-256 of its file, 32 bytes. */
export function keyHash(file: Uint8Array): Uint8Array {
  return sha256(file)
}

/** Values of the output that one element of the field holds, and how many elements that makes. */
export function elementsOf({ dims, width }: Pick<VerificationKey, 'dims' | 'width'>): {
  perElement: number
  elements: number
} {
  const perElement = Math.floor(ELEMENT_BITS / width)
  return { perElement, elements: Math.ceil(countOf(dims) / perElement) }
}

/**
 * snarkjs keeps gamma at the generator and begins with a delta that equals it: who knows their quotient can forge, and
 * there everybody does. A development's gamma is another point, so that no flag makes a ceremony of it.
 */
function checkKey({ setup, dims, width, alpha, beta, gamma, delta, ic }: VerificationKey): void {
  const signals = 1 + elementsOf({ dims, width }).elements
  if (ic.length !== 1 + signals) throw invalid(`${ic.length} points for ${signals} signals`)
  if (![alpha, ...ic].every(isG1)) throw invalid('a point is not of the group G1')
  if (![beta, gamma, delta].every(isG2)) throw invalid('a point is not of the group G2')
  if (sameG2(gamma, G2_GENERATOR) !== (setup === 'ceremony'))
    throw invalid(`gamma is not that of a ${setup}: a key of one setup calls itself another’s`)
  if (sameG2(delta, G2_GENERATOR) || sameG2(delta, gamma))
    throw invalid('nobody contributed to its second phase, so that everybody can forge')
}

function countOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

const invalid = (message: string): Error => proofsError('zk-invalid-key', message)
