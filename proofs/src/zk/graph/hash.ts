import { concat } from '@nacre/verify/bytes'
import { sha256 } from '@noble/hashes/sha2.js'
import { int32Bytes } from './bytes.ts'
import type { Weights } from './graph.ts'

/** What is hashed (docs/zk-soundness.md, sections 2.1, 5 and 7). */
export type HashKind = 'graph' | 'weights' | 'input' | 'outputs' | 'model'

const KINDS: Record<HashKind, number> = { graph: 1, weights: 2, input: 3, outputs: 4, model: 5 }

/** hash(kind, bytes) of section 2.1: 32 bytes. */
export function hash(kind: HashKind, bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(6)
  head[0] = 0x14
  head[1] = KINDS[kind]
  new DataView(head.buffer).setUint32(2, bytes.length, true)
  return sha256(concat(head, bytes))
}

/** weightsId in mode 1: of all parameters in order, row-major, without padding (section 5). */
export function publicWeightsId(weights: Weights): Uint8Array {
  return hash('weights', int32Bytes(weights))
}

/** The hash of the input values, batch first, without padding (section 7, step 1). */
export function inputHash(input: Int32Array): Uint8Array {
  return hash('input', int32Bytes([input]))
}

/** The hash of all outputs in order (section 7, step 1). */
export function outputsHash(outputs: readonly Int32Array[]): Uint8Array {
  return hash('outputs', int32Bytes(outputs))
}

/** The model's identity: its graph, and the root of its weights' matrix (section 5). */
export function modelId(graphHash: Uint8Array, root: Uint8Array): Uint8Array {
  return hash('model', concat(graphHash, root))
}
