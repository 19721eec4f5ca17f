/** The prover, docs/zk-soundness.md section 7, in the document's order. */

import { concat } from '@nacre/verify/bytes'
import type { Layout, Mode } from '../graph/graph.ts'
import { inputHash, outputsHash } from '../graph/hash.ts'
import { layoutOf } from '../graph/layout.ts'
import { QUERIES } from '../graph/limits.ts'
import { Channel, type Prover } from './channel.ts'
import { type Claims, claimsOf } from './claims.ts'
import { type Commitment, commit, rootOf, writeColumns } from './commit.ts'
import { evaluate } from './evaluate.ts'
import type { K } from './field.ts'
import { fractionTree, proveFractions } from './fractions.ts'
import { leavesOf } from './leaves.ts'
import { proveLinear } from './linear.ts'
import { DEFAULT_MEMORY, ensureProofFits } from './memory.ts'
import { openMatrix } from './open.ts'
import type { RegisteredModel } from './register.ts'
import { sendValues } from './values.ts'
import { type Witness, witnessOf } from './witness.ts'

export { ensureProofFits, estimateMemory } from './memory.ts'
export { type RegisteredModel, registerWeights } from './register.ts'
export type { Thread } from './threads.ts'

/** The steps that are reported as they begin. */
export type Step = 'witness' | 'columns' | 'lookups' | 'values' | 'linear' | 'openings'

export type ProveOptions = {
  /** 0: committed weights (the default); 1: public weights. */
  mode?: Mode
  /** The most bytes that model and proof may take, 500 MB unless given. */
  memory?: number
  progress?: (step: Step) => void
}

export type Proven = {
  proof: Uint8Array
  /** Row-major, batch first, without padding. */
  outputs: Int32Array[]
}

/**
 * Runs the network on a batch of inputs (row-major, without padding) and proves what it gives.
 * @throws NacreError invalid-input, model-too-large (with the estimate)
 */
export async function prove(
  model: RegisteredModel,
  input: Int32Array,
  batch: number,
  { mode = 0, memory = DEFAULT_MEMORY, progress = () => {} }: ProveOptions = {},
): Promise<Proven> {
  const layout = layoutOf(model.graph, batch, mode)
  ensureProofFits(layout, memory)
  const { engine } = model
  return engine.scoped(() => engine.together(() => proveIn(model, layout, input, progress)))
}

function proveIn(
  model: RegisteredModel,
  layout: Layout,
  input: Int32Array,
  progress: (step: Step) => void,
): Proven {
  const { engine, graph } = model
  progress('witness')
  const witness = witnessOf(engine, graph, layout, model.integers, input)
  const { outputs, tensors } = witness
  const channel = new Channel(engine, layout)
  const prover: Prover = { engine, channel }
  const claims = claimsOf(graph, layout)
  channel.transcript.absorb('statement', statement(model, layout, input, outputs))
  tensors.forEach((tensor, i) => {
    engine.kernels.toMont(tensor, tensor, layout.tensors[i]!.size)
  })
  const d = layout.d && proveLookups(prover, model, layout, witness, claims, progress)
  proveOutputs(prover, model, layout, tensors, claims)
  progress('linear')
  proveLinear(prover, graph, layout, { tensors, parameters: model.parameters }, claims)
  progress('openings')
  const w = layout.w && model.commitment
  if (d) openMatrix(prover, witness.d, d.shape, claims.d)
  if (w) openMatrix(prover, model.matrix, w.shape, claims.w)
  answerQueries(prover, [d, w])
  return { proof: channel.finish(), outputs }
}

/** Step 1's message. */
function statement(
  model: RegisteredModel,
  layout: Layout,
  input: Int32Array,
  outputs: Int32Array[],
): Uint8Array {
  const { mode, batch } = layout
  const head = new Uint8Array([mode])
  const count = new Uint8Array(4)
  new DataView(count.buffer).setUint32(0, batch, true)
  return concat(model.graphHash, head, model.weightsIds[mode]!, count, inputHash(input), outputsHash(outputs))
}

/** Steps 2 to 4. Leaves d in F. */
function proveLookups(
  prover: Prover,
  { graph }: RegisteredModel,
  layout: Layout,
  { d, entries, tensors }: Witness,
  claims: Claims,
  progress: (step: Step) => void,
): Commitment {
  const { engine, channel } = prover
  const shape = layout.d!
  progress('columns')
  engine.kernels.toResidues(d, d, 2 ** shape.mu)
  const commitment = commit(engine, d, shape)
  engine.kernels.toMont(d, d, 2 ** shape.mu)
  channel.sendBytes('columns', rootOf(engine, commitment))
  progress('lookups')
  const challenges = channel.transcript.challenge('lookup').elements(2) as [K, K]
  const { point } = engine.scoped(() => {
    const leaves = leavesOf(prover, graph, layout, entries, d, challenges)
    return proveFractions(prover, fractionTree(prover, leaves))
  })
  progress('values')
  sendValues(prover, graph, layout, { d, tensors }, point, claims)
  return commitment
}

/** Step 5. */
function proveOutputs(
  { engine, channel }: Prover,
  { graph }: RegisteredModel,
  layout: Layout,
  tensors: Witness['tensors'],
  claims: Claims,
): void {
  for (const tensor of graph.outputs) {
    const { bits } = layout.tensors[tensor]!
    const point = channel.transcript.challenge('output').elements(bits.reduce((sum, count) => sum + count, 0))
    claims.onTensor(tensor, point, evaluate(engine, tensors[tensor]!, point))
  }
}

/** The last part of step 8: positions for all openings from one challenge, then what lies there. */
function answerQueries({ engine, channel }: Prover, commitments: (Commitment | undefined)[]): void {
  const words = channel.transcript.challenge('query')
  const opened = commitments.filter(commitment => commitment !== undefined)
  const positions = opened.map(({ shape }) =>
    Array.from({ length: QUERIES }, () => words.position(4 * 2 ** shape.c)),
  )
  opened.forEach((commitment, i) => {
    writeColumns(engine, commitment, positions[i]!, bytes => channel.write(bytes))
  })
}
