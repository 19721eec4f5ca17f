import { modelIdOf } from '@nacre/proofs/zk/graph/model'
import { emitCircuit, type ModelCircuit } from '@nacre/proofs/zk/groth16/emit'
import { keyedOutput } from '@nacre/proofs/zk/groth16/key'
import { registerWeights } from '@nacre/proofs/zk/prove'
import { equalBytes, toHex } from '@nacre/verify/bytes'
import { badFile, type Container, readContainer } from './files.ts'
import { say } from './told.ts'

export type OwnCircuit = { container: Container; model: string; circuit: ModelCircuit }

/**
 * The circuit of one input of a container's model, made here and of nothing else.
 * @throws CliError bad-file; NacreError unsupported-operator, model-too-large, zk-key-unsupported
 */
export async function circuitOf(path: string): Promise<OwnCircuit> {
  const container = readContainer(path)
  const { graph, weights, root } = container
  // Nobody is to hold a ceremony for what gets no key in the end.
  keyedOutput({ graph, batch: 1 })
  const { weightsIds } = await registerWeights(graph, weights)
  const [committed] = weightsIds
  // A root alone could be another model's: what is told as the model must be what the circuit is of.
  if (!committed || !equalBytes(committed, root))
    throw badFile(
      `${path} is not the model that it says`,
      'its root is not that of its weights',
      'compile it again: nacre zk compile MODEL',
    )
  say('making the circuit')
  return { container, model: toHex(modelIdOf(container)), circuit: emitCircuit(graph, weights) }
}
