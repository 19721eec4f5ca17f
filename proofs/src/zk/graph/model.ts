/**
 * A model as one file: graph, weights, their root once a prover has made it, and scales. Its identity is section 5's of
 * docs/zk-soundness.md; scales are beside the statement, and proven about by nobody.
 */
import { proofsError } from '../../errors.ts'
import { type Reader, readerOf } from './bytes.ts'
import { decodeGraph, encodeGraph, graphHash } from './encode.ts'
import type { Graph, Weights } from './graph.ts'
import { modelId } from './hash.ts'
import { LAYOUT_LIMITS, LIMITS, sizeOf } from './limits.ts'
import { checkGraph, checkWeights } from './ranges.ts'

export type Model = {
  graph: Graph
  weights: Weights
  /** By tensor: the real number that 1 stands for; finite and above 0. */
  scales: Float64Array
  /** The root of the weights' matrix, 32 bytes; absent where nobody registered them. */
  root?: Uint8Array
}

const MAGIC = 0x4d4b5a4e // "NZKM"
const VERSION = 1
const ROOT_BYTES = 32
/** Of one value; a parameter has the fewest that hold all of its values. */
const WIDTHS = [1, 2, 4] as const

/** No model is longer: every weight in four bytes, and a scale a tensor. */
export const MAX_MODEL_FILE: number = LIMITS.graphBytes + 4 * LAYOUT_LIMITS.weights + 16 * LIMITS.nodes

/**
 * `"NZKM" | u8 1 | u8 has root | root | u32 length, graph | scales: f64 a tensor | weights: u8 width, values`.
 * @throws NacreError as checkGraph and checkWeights do, invalid-graph
 */
export function encodeModel(model: Model): Uint8Array {
  const { graph, weights, scales, root } = model
  checkModel(model)
  const graphBytes = encodeGraph(graph)
  const widths = weights.map(widthOf)
  const size = weights.reduce((total, values, i) => total + 1 + widths[i]! * values.length, 0)
  const bytes = new Uint8Array(10 + (root ? ROOT_BYTES : 0) + graphBytes.length + 8 * scales.length + size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  bytes.set([VERSION, root ? 1 : 0], 4)
  if (root) bytes.set(root, 6)
  let at = 6 + (root ? ROOT_BYTES : 0)
  view.setUint32(at, graphBytes.length, true)
  bytes.set(graphBytes, at + 4)
  at += 4 + graphBytes.length
  for (const scale of scales) {
    view.setFloat64(at, scale, true)
    at += 8
  }
  for (const [i, values] of weights.entries()) {
    const width = widths[i]!
    bytes[at++] = width
    for (const value of values) {
      if (width === 1) view.setInt8(at, value)
      else if (width === 2) view.setInt16(at, value, true)
      else view.setInt32(at, value, true)
      at += width
    }
  }
  return bytes
}

/**
 * A model that is valid: its graph, its weights, its scales.
 * @throws NacreError invalid-graph, zk-unsupported-version, and what checkGraph and checkWeights throw
 */
export function decodeModel(bytes: Uint8Array): Model {
  if (bytes.length > MAX_MODEL_FILE)
    throw proofsError('model-too-large', `a model has at most ${MAX_MODEL_FILE} bytes`)
  const from = readerOf(bytes, 'invalid-graph')
  if (from.number('u32') !== MAGIC) throw invalid('the bytes do not begin with NZKM')
  const version = from.number('u8')
  if (version !== VERSION) throw proofsError('zk-unsupported-version', `the model has version ${version}`)
  const hasRoot = from.number('u8')
  if (hasRoot > 1) throw invalid('it has a root or has none')
  const root = hasRoot ? Uint8Array.from(from.bytes(ROOT_BYTES)) : undefined
  const graph = decodeGraph(from.bytes(from.number('u32')))
  checkGraph(graph)
  const scales = readScales(from, graph.nodes.length + 1)
  const weights = graph.parameters.map(({ dims }) => readValues(from, sizeOf(dims)))
  from.end()
  const model = { graph, weights, scales, ...(root ? { root } : {}) }
  checkModel(model)
  return model
}

/** The identity of a registered model, 32 bytes. @throws NacreError invalid-graph where it has no root */
export function modelIdOf({ graph, root }: Pick<Model, 'graph' | 'root'>): Uint8Array {
  if (!root) throw invalid('a model without a root has no identity: register its weights')
  return modelId(graphHash(graph), root)
}

function checkModel({ graph, weights, scales, root }: Model): void {
  checkGraph(graph)
  checkWeights(graph, weights)
  if (scales.length !== graph.nodes.length + 1) throw invalid(`${scales.length} scales, not one a tensor`)
  if (!scales.every(scale => scale > 0 && scale < Infinity)) throw invalid('a scale is finite and above 0')
  if (root && root.length !== ROOT_BYTES) throw invalid(`a root has ${ROOT_BYTES} bytes`)
}

function readScales(from: Reader, count: number): Float64Array {
  const view = viewOf(from.bytes(8 * count))
  return Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true))
}

function readValues(from: Reader, count: number): Int32Array {
  const width = from.number('u8')
  if (!WIDTHS.some(known => known === width)) throw invalid(`values of ${width} bytes`)
  const view = viewOf(from.bytes(width * count))
  const values = Int32Array.from({ length: count }, (_, i) =>
    width === 1 ? view.getInt8(i) : width === 2 ? view.getInt16(2 * i, true) : view.getInt32(4 * i, true),
  )
  if (widthOf(values) !== width) throw invalid('a parameter’s values are wider than they need to be')
  return values
}

function widthOf(values: Int32Array): number {
  const fits = (bits: number): boolean =>
    values.every(value => value === (value << (32 - bits)) >> (32 - bits))
  return fits(8) ? 1 : fits(16) ? 2 : 4
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const invalid = (message: string): Error => proofsError('invalid-graph', message)
