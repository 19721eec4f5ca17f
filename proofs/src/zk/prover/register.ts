/** A model that proofs are made for: its weights' matrix and the commitment to it, made once. */
import { graphHash } from '../graph/encode.ts'
import type { Graph, MatrixShape, Weights } from '../graph/graph.ts'
import { modelId, publicWeightsId } from '../graph/hash.ts'
import { paddedSizeOf } from '../graph/limits.ts'
import { matrixOf, pack } from '../graph/packing.ts'
import { checkGraph, checkWeights } from '../graph/ranges.ts'
import { type Commitment, commit, rootOf } from './commit.ts'
import { type Address, Engine } from './engine.ts'
import { DEFAULT_MEMORY, ensureModelFits } from './memory.ts'
import { paddedIndices } from './points.ts'
import type { Thread } from './threads.ts'

export type RegisteredModel = {
  graph: Graph
  weights: Weights
  graphHash: Uint8Array
  /** weightsId of section 5: of committed weights, and of public ones. */
  weightsIds: [committed: Uint8Array | undefined, open: Uint8Array]
  /** The model's identity, of committed weights. */
  id: Uint8Array | undefined
  /** Its memory holds the matrix; one proof at a time is made in what is left. */
  engine: Engine
  /** Parameters as integers, without padding. */
  integers: Address[]
  /** Parameters as vectors of F, padded. */
  parameters: Address[]
  /** All of them: 2^mu elements of F. */
  matrix: Address
  commitment: Commitment | undefined
}

export type RegisterOptions = {
  /** They share the work of this and of the model's proofs. */
  threads?: readonly Thread[]
  /** The most bytes that weights and commitment may take, 500 MB unless given. */
  memory?: number
}

/**
 * Checks a model and commits to its weights.
 * @throws NacreError as checkGraph and checkWeights, model-too-large with the estimate
 */
export async function registerWeights(
  graph: Graph,
  weights: Weights,
  { threads = [], memory = DEFAULT_MEMORY }: RegisterOptions = {},
): Promise<RegisteredModel> {
  checkGraph(graph)
  ensureModelFits(graph, memory)
  checkWeights(graph, weights)
  const engine = await Engine.load(threads)
  const { items, total } = pack(graph.parameters.map(({ dims }) => paddedSizeOf(dims)))
  const shape: MatrixShape | undefined = total > 0 ? matrixOf(total) : undefined
  const size = shape ? 2 ** shape.mu : 0
  const integers = weights.map(values => engine.alloc(4 * values.length))
  const matrix = engine.alloc(4 * size)
  const vector = engine.integers(matrix, size).fill(0)
  for (const [i, { dims }] of graph.parameters.entries()) {
    const { offset } = items[i]!
    engine.integers(integers[i]!, weights[i]!.length).set(weights[i]!)
    paddedIndices(dims).forEach((index, k) => {
      vector[offset + index] = weights[i]![k]!
    })
  }
  const hashOfGraph = graphHash(graph)
  engine.kernels.toResidues(matrix, matrix, size)
  const commitment = shape && engine.together(() => commit(engine, matrix, shape))
  engine.kernels.toMont(matrix, matrix, size)
  const root = commitment && rootOf(engine, commitment)
  return {
    graph,
    weights,
    graphHash: hashOfGraph,
    weightsIds: [root, publicWeightsId(weights)],
    id: root && modelId(hashOfGraph, root),
    engine,
    integers,
    parameters: items.map(({ offset }) => matrix + 4 * offset),
    matrix,
    commitment,
  }
}
