/** What a proof's file shows, as a statement that an enclave can sign (docs/protocol.md, Proofs verified in an enclave). */
import { equalBytes, toHex } from '@nacre/verify/bytes'
import { keccak256, sha256 } from '@nacre/verify/hash'
import { encodeTensor, type Tensor } from '@nacre/verify/tensor'
import { encodeZkStatement } from '@nacre/verify/zkStatement'
import { proofsError } from '../../errors.ts'
import { DEFAULT_LIMITS, type Limits, layoutOf, securityBits } from '../graph/layout.ts'
import { modelIdOf } from '../graph/model.ts'
import { decodeProofFile, type ProofFile } from '../graph/proofFile.ts'
import type { VerifyingKey } from '../graph/verifyingKey.ts'
import { ensureProven, verifyZk } from './verify.ts'

/**
 * Verifies the file of a proof against a verifying key, and returns the bytes of the statement: the same for whoever does it.
 *
 * @throws NacreError zk-wrong-model, zk-public-weights, zk-invalid-proof naming the check that failed, and as decodeProofFile and
 * verifyZk do
 */
export function attestProof(
  bytes: Uint8Array,
  key: VerifyingKey,
  limits: Limits = DEFAULT_LIMITS,
): Uint8Array {
  const file = decodeProofFile(bytes)
  const { mode, model, batch, input, outputs, proof } = file
  if (mode === 1)
    throw proofsError('zk-public-weights', 'the proof is with public weights, and a verifying key has none')
  if (!equalBytes(model, modelIdOf(key)))
    throw proofsError('zk-wrong-model', `the proof is for the model ${toHex(model)}`)
  const statement = { graph: key.graph, weights: { id: key.root }, batch, input, outputs }
  ensureProven(verifyZk(proof, statement, limits))
  return statementOf(file, key, limits)
}

/** Of a file whose proof holds: its values have the numbers and the shapes of the layout. */
function statementOf(
  { model, batch, input, outputs, proof }: ProofFile,
  { graph }: VerifyingKey,
  limits: Limits,
): Uint8Array {
  const layout = layoutOf(graph, batch, 0, limits)
  const tensor = (index: number, data: Int32Array): Tensor => ({
    dtype: 'int32',
    dims: layout.tensors[index]!.dims,
    data,
  })
  return encodeZkStatement({
    model: toHex(model),
    proofHash: sha256(proof),
    inputHash: keccak256(encodeTensor(tensor(0, input))),
    securityBits: Math.floor(securityBits(graph, layout)),
    outputs: graph.outputs.map((index, i) => tensor(index, outputs[i]!)),
  })
}
