/** The statement, which everything else is about (docs/zk-soundness.md, section 7, step 1). */
import { concat } from '@nacre/verify/bytes'
import { proofsError } from '../../errors.ts'
import { graphHash } from '../graph/encode.ts'
import type { Layout, Range, Statement } from '../graph/graph.ts'
import { inputHash, outputsHash, publicWeightsId } from '../graph/hash.ts'
import { type Limits, layoutOf } from '../graph/layout.ts'
import { sizeOf } from '../graph/limits.ts'
import { checkWeights, rangeOf } from '../graph/ranges.ts'
import { DIGEST_SIZE } from './reader.ts'

/**
 * The layout of a statement that can be proven: its graph is valid and small enough, public weights too, and there are as many
 * values as there must be, each in its range.
 * @throws NacreError the codes of layoutOf and checkWeights, invalid-input, zk-wrong-model, zk-value-out-of-range
 */
export function layoutOfStatement(statement: Statement, limits: Limits): Layout {
  const { graph, weights, batch, input, outputs } = statement
  const layout = layoutOf(graph, batch, 'public' in weights ? 1 : 0, limits)
  if ('public' in weights) {
    // Their hash is of whole numbers: of any others it would not be what is evaluated.
    if (!weights.public.every(values => values instanceof Int32Array)) {
      throw proofsError('invalid-input', 'public weights have to be Int32Arrays')
    }
    checkWeights(graph, weights.public)
  } else if (weights.id.length !== DIGEST_SIZE) {
    throw proofsError(
      'zk-wrong-model',
      `the weights' root has ${weights.id.length} bytes, not ${DIGEST_SIZE}`,
    )
  }
  if (outputs.length !== graph.outputs.length) {
    throw proofsError('invalid-input', `${outputs.length} outputs, the graph has ${graph.outputs.length}`)
  }
  checkValues('the input', input, sizeOf(layout.tensors[0]!.dims), graph.input)
  graph.outputs.forEach((tensor, i) => {
    const size = sizeOf(layout.tensors[tensor]!.dims)
    checkValues(`output ${i}`, outputs[i]!, size, rangeOf(graph, tensor))
  })
  return layout
}

function checkValues(what: string, values: Int32Array, size: number, { lo, hi }: Range): void {
  if (!(values instanceof Int32Array) || values.length !== size) {
    throw proofsError('invalid-input', `${what} has to be an Int32Array of ${size} values`)
  }
  const at = values.findIndex(value => value < lo || value > hi)
  if (at >= 0) {
    throw proofsError('zk-value-out-of-range', `${what} is ${values[at]} at ${at}, outside of [${lo}, ${hi}]`)
  }
}

/** What the transcript absorbs first. */
export function statementBytes({ graph, weights, batch, input, outputs }: Statement): Uint8Array {
  const [mode, id] = 'public' in weights ? [1, publicWeightsId(weights.public)] : [0, weights.id]
  const count = new Uint8Array(4)
  new DataView(count.buffer).setUint32(0, batch, true)
  return concat(graphHash(graph), Uint8Array.of(mode), id, count, inputHash(input), outputsHash(outputs))
}
