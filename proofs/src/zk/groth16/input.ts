/** The input of a `zk` request: a canonical tensor of whole numbers, and the hash that stands for it on chain. */
import { type Hex, toHex } from '@nacre/verify/bytes'
import { decodeTensor, encodeTensor, type Tensor } from '@nacre/verify/tensor'
import { proofsError } from '../../errors.ts'
import type { Graph } from '../graph/graph.ts'
import { sizeOf } from '../graph/limits.ts'
import { checkValues } from '../graph/reference.ts'
import { commitmentBytes, inputCommitment } from './packing.ts'

const WHOLE = new Set(['int32', 'int8', 'uint8'])
/** Version, dtype, rank, and the most dimensions that a graph's input and a batch have: all but the values. */
const MAX_HEAD = 64

/** No input of this graph is longer, in canonical bytes. */
export function maxInputBytes({ input }: Graph): number {
  return MAX_HEAD + 4 * sizeOf(input.dims)
}

/** One input as the canonical bytes that a request's source has: int32, dims as the graph's. @throws NacreError invalid-tensor */
export function encodeInput({ input }: Graph, values: Int32Array): Uint8Array {
  return encodeTensor({ dtype: 'int32', dims: input.dims, data: values })
}

/**
 * The whole numbers of one input in canonical bytes: int32, int8 or uint8, dims as the graph's, with or without a batch
 * of one before them.
 * @throws NacreError invalid-input, zk-value-out-of-range; invalid-tensor and kin
 */
export function decodeInput(graph: Graph, bytes: Uint8Array): Int32Array {
  const most = maxInputBytes(graph)
  if (bytes.length > most) throw proofsError('invalid-input', `${bytes.length} bytes: it has at most ${most}`)
  const { dtype, dims, data }: Tensor = decodeTensor(bytes)
  if (!WHOLE.has(dtype)) throw proofsError('invalid-input', `its dtype is ${dtype}, not int32, int8 or uint8`)
  const own = graph.input.dims
  if (![own, [1, ...own]].some(wanted => `${wanted}` === `${dims}`))
    throw proofsError('invalid-input', `its dims are [${dims}], not [${own}]`)
  const values = Int32Array.from(data as Int32Array)
  checkValues(graph, 0, values, sizeOf(own))
  return values
}

/**
 * The request's input hash: the commitment to its whole numbers (docs/zk-groth16.md, section 2), not to its bytes.
 * @throws NacreError invalid-input, zk-value-out-of-range
 */
export function inputHashOf(graph: Graph, values: Int32Array): Hex {
  return toHex(commitmentBytes(inputCommitment(graph, values)))
}
