/**
 * What a verifier of committed weights has to trust of a model, as one file: its graph and the root of its weights, without the
 * weights (docs/zk-soundness.md, section 5). Its SHA-256 is an artifact of the enclave image nacre-zk.
 */
import { concatAll } from '@nacre/verify/bytes'
import { proofsError } from '../../errors.ts'
import { readerOf, writerOf } from './bytes.ts'
import { decodeGraph, encodeGraph } from './encode.ts'
import type { Graph } from './graph.ts'
import { LIMITS } from './limits.ts'
import { checkGraph } from './ranges.ts'

export type VerifyingKey = {
  graph: Graph
  /** The root of the weights' matrix, 32 bytes: the word of whoever made the key. */
  root: Uint8Array
}

const MAGIC = 0x564b5a4e // "NZKV"
const VERSION = 1
const ROOT_BYTES = 32

/** No key is longer: 37 bytes, and the graph. */
export const MAX_VERIFYING_KEY: number = 5 + ROOT_BYTES + LIMITS.graphBytes

/**
 * `"NZKV" | u8 1 | root | graph`: one form for each model.
 * @throws NacreError as checkGraph does, invalid-graph
 */
export function encodeVerifyingKey({ graph, root }: VerifyingKey): Uint8Array {
  checkGraph(graph)
  if (root.length !== ROOT_BYTES) throw proofsError('invalid-graph', `a root has ${ROOT_BYTES} bytes`)
  const head = writerOf('invalid-graph')
  head.number('u32', MAGIC, 'magic')
  head.number('u8', VERSION, 'version')
  head.bytes(root)
  return concatAll([head.done(), encodeGraph(graph)])
}

/**
 * A key whose graph is valid. That the root is of weights that are valid, nobody can see in it.
 * @throws NacreError invalid-graph, zk-unsupported-version, model-too-large, and what checkGraph throws
 */
export function decodeVerifyingKey(bytes: Uint8Array): VerifyingKey {
  if (bytes.length > MAX_VERIFYING_KEY)
    throw proofsError('model-too-large', `a verifying key has at most ${MAX_VERIFYING_KEY} bytes`)
  if (!isVerifyingKey(bytes)) throw proofsError('invalid-graph', 'the bytes do not begin with NZKV')
  const from = readerOf(bytes.subarray(4), 'invalid-graph')
  const version = from.number('u8')
  if (version !== VERSION)
    throw proofsError('zk-unsupported-version', `the verifying key has version ${version}`)
  const root = Uint8Array.from(from.bytes(ROOT_BYTES))
  const graph = decodeGraph(bytes.subarray(5 + ROOT_BYTES))
  checkGraph(graph)
  return { graph, root }
}

/** Whether bytes say that they are a verifying key. */
export function isVerifyingKey(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && readerOf(bytes, 'invalid-graph').number('u32') === MAGIC
}
