/**
 * Key files (.nzkg): what the proofs of one circuit are verified by, on chain and off. The SHA-256 of the file is the
 * artifact of `zk` requests. `ZkKey` (contracts) reads the same bytes.
 */
import { proofsError } from '../../errors.ts'
import { sizeOf } from '../graph/limits.ts'

/** Of a ceremony, which is worth something as long as one contributor was honest; or made in the open, to develop with. */
export type Setup = 'ceremony' | 'development'

/**
 * The output's packing, and the points of the setup. G1 points have 64 bytes, x and y; G2 points 128 in the order of
 * EIP-197, x and y with the imaginary part first; all big-endian. That they are on the curve is not known.
 */
export type VerifyingKey = {
  setup: Setup
  /** Of the one output: bits of a value, the least value, dimensions without the batch. */
  width: number
  lo: number
  dims: readonly number[]
  alpha: Uint8Array
  beta: Uint8Array
  gamma: Uint8Array
  delta: Uint8Array
  /** For the constant 1, the input's commitment, and each element of the output. */
  ic: readonly Uint8Array[]
}

const MAGIC = 'NZKG'
const VERSION = 1
const SETUPS: readonly Setup[] = ['ceremony', 'development']
const G1_BYTES = 64
const G2_BYTES = 128
const MAX_WIDTH = 32
const MAX_RANK = 8
/** Of elements, each a public signal: what contracts take. */
const MAX_ELEMENTS = 16
const ELEMENT_BITS = 253
/** BN254's field of coordinates. */
const Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583n

const HEAD_BYTES = 16

/** No key file is longer. */
export const MAX_KEY_FILE: number =
  HEAD_BYTES + 4 * MAX_RANK + G1_BYTES + 3 * G2_BYTES + G1_BYTES * (2 + MAX_ELEMENTS)

/** Values of the output that one element holds, and how many elements that makes. */
export function elementsOf({ width, dims }: Pick<VerifyingKey, 'width' | 'dims'>): {
  perElement: number
  elements: number
} {
  const perElement = Math.floor(ELEMENT_BITS / width)
  return { perElement, elements: Math.ceil(sizeOf(dims) / perElement) }
}

/**
 * `"NZKG" | u8 1 | u8 setup | u8 width | u32 count | i32 lo | u8 rank | u32 dims | alpha | beta | gamma | delta | ic`,
 * big-endian; setup is 0 for a ceremony, 1 for development.
 * @throws NacreError zk-invalid-key
 */
export function encodeKey(key: VerifyingKey): Uint8Array {
  const { setup, width, lo, dims } = key
  const head = new Uint8Array(HEAD_BYTES + 4 * dims.length)
  const view = new DataView(head.buffer)
  head.set([...MAGIC].map(letter => letter.charCodeAt(0)))
  head.set([VERSION, SETUPS.indexOf(setup), width], 4)
  view.setUint32(7, sizeOf(dims))
  view.setInt32(11, lo)
  head[15] = dims.length
  for (const [i, dim] of dims.entries()) view.setUint32(HEAD_BYTES + 4 * i, dim)
  const parts = [head, key.alpha, key.beta, key.gamma, key.delta, ...key.ic]
  const bytes = new Uint8Array(parts.reduce((size, { length }) => size + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  decodeKey(bytes)
  return bytes
}

/** @throws NacreError zk-invalid-key, zk-unsupported-version */
export function decodeKey(file: Uint8Array): VerifyingKey {
  if (file.length > MAX_KEY_FILE) throw invalid(`${file.length} bytes: it has at most ${MAX_KEY_FILE}`)
  if (file.length < HEAD_BYTES || String.fromCharCode(...file.subarray(0, 4)) !== MAGIC)
    throw invalid('the bytes do not begin with NZKG')
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const [version, setup, width, rank] = [4, 5, 6, 15].map(at => view.getUint8(at)) as [number, number, number, number]
  if (version !== VERSION) throw proofsError('zk-unsupported-version', `the key file has version ${version}`)
  if (SETUPS[setup] === undefined) throw invalid(`setup ${setup}`)
  if (width === 0 || width > MAX_WIDTH) throw invalid(`values of ${width} bits`)
  if (rank === 0 || rank > MAX_RANK) throw invalid(`${rank} dimensions`)
  if (file.length < HEAD_BYTES + 4 * rank) throw invalid('it is cut short')
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(HEAD_BYTES + 4 * i))
  const count = view.getUint32(7)
  if (count === 0 || dims.reduce((product, dim) => product * dim, 1) !== count)
    throw invalid(`dimensions [${dims}] of ${count} values`)
  const { elements } = elementsOf({ width, dims })
  if (elements > MAX_ELEMENTS) throw invalid(`an output of ${elements} elements: at most ${MAX_ELEMENTS}`)
  const size = HEAD_BYTES + 4 * rank + G1_BYTES + 3 * G2_BYTES + G1_BYTES * (2 + elements)
  if (file.length !== size) throw invalid(`${file.length} bytes, not ${size}`)
  return { setup: SETUPS[setup], width, lo: view.getInt32(11), dims, ...pointsOf(file, HEAD_BYTES + 4 * rank, elements) }
}

type Points = Pick<VerifyingKey, 'alpha' | 'beta' | 'gamma' | 'delta' | 'ic'>

function pointsOf(file: Uint8Array, from: number, elements: number): Points {
  for (let at = from; at < file.length; at += 32)
    if (numberOf(file.subarray(at, at + 32)) >= Q) throw invalid('a coordinate is not below the modulus')
  let at = from
  const take = (size: number): Uint8Array => new Uint8Array(file.subarray(at, (at += size)))
  const alpha = take(G1_BYTES)
  const [beta, gamma, delta] = [take(G2_BYTES), take(G2_BYTES), take(G2_BYTES)]
  return { alpha, beta, gamma, delta, ic: Array.from({ length: 2 + elements }, () => take(G1_BYTES)) }
}

function numberOf(bytes: Uint8Array): bigint {
  let number = 0n
  for (const byte of bytes) number = (number << 8n) | BigInt(byte)
  return number
}

function invalid(message: string): Error {
  return proofsError('zk-invalid-key', `The key file is not valid: ${message}.`)
}
