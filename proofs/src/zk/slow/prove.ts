import { encodeGraph } from '../graph/encode.ts'
import type { Graph, Mode, Weights } from '../graph/graph.ts'
import { ascii, concat, hashOf, i32s, u8, u32 } from './bytes.ts'
import { answer, type Commitment, commit, packedVector, rowsOf } from './commit.ts'
import { signed, toF } from './field.ts'
import { proveFractions } from './fractions.ts'
import { CAP_LEVEL, type Matrix, QUERIES, type SlowLayout, slowLayout } from './layout.ts'
import { proveOpening } from './open.ts'
import { extension } from './points.ts'
import { createRun, type MessageCheat, type Run, tableOf } from './run.ts'
import { pad, unpad } from './shapes.ts'
import { createTranscript, type Step, type Transcript } from './transcript.ts'
import { proveValues } from './values.ts'
import { proveVirtual } from './virtual.ts'
import { computeWitness, type WitnessCheat } from './witness.ts'

export type SlowStatement = {
  graph: Graph
  weights: Weights
  batch: number
  /** Row-major, batch first, no padding. */
  input: ArrayLike<number>
  mode: Mode
}

/** Where a cheating prover deviates; the honest one deviates nowhere. */
export type Cheat = WitnessCheat &
  MessageCheat & {
    /** What the statement says, where that is not what the prover ran. */
    statement?: { graph?: Graph; weightsId?: Uint8Array; input?: ArrayLike<number>; outputs?: Int32Array[] }
    /** Other rows to commit to than those that the rest of the protocol is about. */
    commit?: (matrix: 'D' | 'W', rows: bigint[][]) => bigint[][]
    /** The position that a query is answered with. */
    answer?: (matrix: 'D' | 'W', position: number) => number
  }

export type SlowProof = {
  proof: Uint8Array
  /** Of the integers as they were computed, row-major. */
  outputs: Int32Array[]
  weightsId: Uint8Array
  log: Step[]
  layout: SlowLayout
}

/**
 * A proof, made as docs/zk-soundness.md says it, step by step, on BigInt: for tiny graphs, in seconds.
 * @param cheat for soundness tests: what a cheating prover does otherwise
 */
export function proveSlowly(statement: SlowStatement, cheat: Cheat = {}): SlowProof {
  const { graph, weights, batch, input, mode } = statement
  const layout = slowLayout(graph, batch, mode)
  const witness = computeWitness(graph, weights, input, layout, cheat)
  const W =
    layout.W && committed('W', packedVector(layout.parameters, witness.parameters, layout.W), layout.W, cheat)
  const weightsId =
    cheat.statement?.weightsId ??
    (mode === 0
      ? (W?.commitment.root ?? new Uint8Array(32))
      : hashOf(2, i32s(weights.flatMap(values => [...values]))))
  const outputs = graph.outputs.map(output =>
    Int32Array.from(unpad(layout.shapes[output]!.dims, witness.tensors[output]!), signed),
  )
  const transcript = createTranscript()
  const run = createRun(graph, layout, witness, transcript, cheat)

  // Step 1.
  const said = { graph, input, outputs, ...cheat.statement }
  const head = [
    hashOf(1, encodeGraph(said.graph)),
    u8(mode),
    weightsId,
    u32(batch),
    hashOf(3, i32s(Array.from(said.input))),
  ]
  const outputsHash = hashOf(4, i32s(said.outputs.flatMap(values => [...values])))
  transcript.absorb('statement', concat([...head, outputsHash]))

  // Steps 2 to 4.
  const D = layout.D && proveLookups(run, transcript, layout.D, cheat)

  // Step 5.
  graph.outputs.forEach((output, i) => {
    const { dims, size } = layout.shapes[output]!
    const point = run.challenge('output', Math.log2(size))
    const values = pad(dims, Array.from(said.outputs[i]!, toF), 0n)
    run.claim(output, point, extension(tableOf(values), point))
  })

  // Step 6; step 7 is the verifier's.
  proveVirtual(run)

  // Step 8.
  if (D) proveOpening(run, D.vector, layout.D!, run.claims.D)
  if (W) proveOpening(run, W.vector, layout.W!, run.claims.W)
  const header = concat([ascii('NZKP'), u8(1), u8(mode), u8(0), u8(0), u32(batch)])
  const proof = concat([header, ...run.bytes, ...answerQueries(transcript, { D, W }, cheat)])
  return { proof, outputs, weightsId, log: transcript.log, layout }
}

type Committed = { vector: bigint[]; commitment: Commitment; matrix: Matrix }

function committed(name: 'D' | 'W', vector: bigint[], matrix: Matrix, cheat: Cheat): Committed {
  const rows = rowsOf(vector, matrix)
  return { vector, matrix, commitment: commit(cheat.commit?.(name, rows) ?? rows) }
}

/** Columns' commitment, then lookups and values. */
function proveLookups(run: Run, transcript: Transcript, matrix: Matrix, cheat: Cheat): Committed {
  const { layout, witness } = run
  const items = [...layout.columns, ...layout.tables.map(table => table.multiplicities)]
  const D = committed(
    'D',
    packedVector(items, [...witness.columns, ...witness.multiplicities], matrix),
    matrix,
    cheat,
  )
  run.bytes.push(D.commitment.root)
  transcript.absorb('columns', D.commitment.root)
  const [alpha, beta] = run.challenge('lookup', 2)
  proveValues(run, alpha!, beta!, proveFractions(run, alpha!, beta!))
  return D
}

/** The 64 nodes of each tree, and the columns with their paths at the positions drawn. */
function answerQueries(
  transcript: Transcript,
  matrices: { D: Committed | undefined; W: Committed | undefined },
  cheat: Cheat,
): Uint8Array[] {
  const opened = (['D', 'W'] as const).flatMap(name => (matrices[name] ? [{ name, ...matrices[name] }] : []))
  const positions = transcript.positions(
    'query',
    opened.flatMap(({ matrix }) => new Array<number>(QUERIES).fill(4 * 2 ** matrix.c)),
  )
  return opened.flatMap(({ name, commitment }, k) => [
    ...commitment.levels[CAP_LEVEL]!,
    ...positions
      .slice(k * QUERIES, (k + 1) * QUERIES)
      .flatMap(position => answer(commitment, cheat.answer?.(name, position) ?? position)),
  ])
}
