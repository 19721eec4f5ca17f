import { type Hex, toHex } from '@nacre/verify'
import { encodeGraph, graphHash } from '../../proofs/src/zk/graph/encode.ts'
import type { Mode } from '../../proofs/src/zk/graph/graph.ts'
import { proveSlowly } from '../../proofs/src/zk/slow/prove.ts'
import type { Step } from '../../proofs/src/zk/slow/transcript.ts'
import { type Tiny, tinyAttention, tinyPictures, tinyRegression } from './tiny.ts'

/** A proof with all that it is about. Numbers are decimal, separated by spaces. */
export type ZkVector = {
  graph: Hex
  graphHash: Hex
  mode: Mode
  weightsId: Hex
  /** One a parameter, row-major without padding. */
  weights: string[]
  batch: number
  input: string
  outputs: string[]
  proof: Hex
  /** "absorb LABEL BYTES STATE" and "challenge LABEL ELEMENTS STATE": the state is S after the step. */
  transcript: string[]
}

/** What is changed in the vector of the file `of`, and how that is refused. */
export type ZkNegative = {
  of: string
  /** A byte of the proof, exclusive or. */
  flip?: { offset: number; mask: number }
  /** Bytes left out at the proof's end, or zeros added. */
  cut?: number
  extend?: number
  statement?: Partial<Pick<ZkVector, 'batch' | 'input' | 'outputs' | 'weightsId' | 'weights' | 'graph'>>
  /** The code that is thrown, or the check that does not hold. */
  error?: string
  check?: string
}

const POSITIVE: Record<string, { tiny: Tiny; mode: Mode }> = {
  'zk/regression.json': { tiny: tinyRegression(), mode: 0 },
  'zk/pictures.json': { tiny: tinyPictures(), mode: 1 },
  'zk/attention.json': { tiny: tinyAttention(), mode: 0 },
}

/** Files of zk/: three proofs by the slow prover, which follows docs/zk-soundness.md literally, and what must be refused. */
export function zkVectors(): Record<string, ZkVector | ZkNegative> {
  const vectors = Object.fromEntries(
    Object.entries(POSITIVE).map(([path, { tiny, mode }]) => [path, vectorOf(tiny, mode)]),
  )
  return { ...vectors, ...negatives(vectors) }
}

function vectorOf({ graph, weights, batch, input }: Tiny, mode: Mode): ZkVector {
  const { proof, outputs, weightsId, log } = proveSlowly({ graph, weights, batch, input, mode })
  return {
    graph: toHex(encodeGraph(graph)),
    graphHash: toHex(graphHash(graph)),
    mode,
    weightsId: toHex(weightsId),
    weights: weights.map(values => values.join(' ')),
    batch,
    input: input.join(' '),
    outputs: outputs.map(values => values.join(' ')),
    proof: toHex(proof),
    transcript: log.map(lineOf),
  }
}

const lineOf = ({ step, label, length, state }: Step): string => `${step} ${label} ${length} ${toHex(state)}`

/** Header: magic at 0, version at 4, mode at 5, two zeros, the batch at 8; then what the prover sends. */
const BODY = 12

function negatives(vectors: Record<string, ZkVector>): Record<string, ZkNegative> {
  const [regression, pictures, attention] = Object.keys(POSITIVE).map(path => path.slice('zk/'.length)) as [
    string,
    string,
    string,
  ]
  const at = (name: string): ZkVector => vectors[`zk/${name}`]!
  const size = (name: string): number => (at(name).proof.length - 2) / 2
  const plusOne = (values: string): string => values.replace(/^-?\d+/, first => String(Number(first) + 1))
  const made: Record<string, ZkNegative> = {
    'version-2': { of: pictures, flip: { offset: 4, mask: 3 }, error: 'zk-unsupported-version' },
    'other-mode': { of: pictures, flip: { offset: 5, mask: 1 }, error: 'zk-wrong-model' },
    'other-batch': { of: pictures, flip: { offset: 8, mask: 1 }, error: 'zk-wrong-model' },
    'reserved-byte': { of: pictures, flip: { offset: 6, mask: 1 }, error: 'zk-not-canonical' },
    'cut-short': { of: attention, cut: 1, error: 'zk-proof-size' },
    'trailing-byte': { of: attention, extend: 1, error: 'zk-proof-size' },
    empty: { of: regression, cut: size(regression), error: 'zk-proof-size' },
    'element-above-p': {
      of: attention,
      flip: { offset: BODY + 32 + 3, mask: 0x80 },
      error: 'zk-not-canonical',
    },
    root: { of: attention, flip: { offset: BODY, mask: 1 }, check: 'lookup-layer-1' },
    fraction: { of: attention, flip: { offset: BODY + 32, mask: 1 }, check: 'lookup-sum' },
    'last-hash': { of: attention, flip: { offset: size(attention) - 1, mask: 1 }, check: 'weights-paths' },
    input: { of: pictures, statement: { input: plusOne(at(pictures).input) }, check: 'lookup-layer-1' },
    output: {
      of: regression,
      statement: { outputs: [plusOne(at(regression).outputs[0]!)] },
      check: 'node-0-dense',
    },
    'output-out-of-range': {
      of: pictures,
      statement: { outputs: [at(pictures).outputs[0]!, '3 0'] },
      error: 'zk-value-out-of-range',
    },
    weight: {
      of: pictures,
      statement: { weights: [plusOne(at(pictures).weights[0]!), ...at(pictures).weights.slice(1)] },
      check: 'lookup-layer-1',
    },
    'other-model': {
      of: attention,
      statement: { weightsId: at(regression).weightsId },
      check: 'lookup-layer-1',
    },
  }
  return Object.fromEntries(
    Object.entries(made).map(([name, negative]) => [`zk/invalid-${name}.json`, negative]),
  )
}
