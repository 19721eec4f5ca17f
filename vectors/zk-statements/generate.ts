import {
  encodeTensor,
  encodeZkStatement,
  fromHex,
  type Hex,
  keccak256,
  sha256,
  type Tensor,
  toHex,
} from '@nacre/verify'
import { decodeGraph } from '../../proofs/src/zk/graph/encode.ts'
import { layoutOf, securityBits } from '../../proofs/src/zk/graph/layout.ts'
import { modelIdOf } from '../../proofs/src/zk/graph/model.ts'
import { encodeProofFile, type ProofFile } from '../../proofs/src/zk/graph/proofFile.ts'
import { encodeVerifyingKey } from '../../proofs/src/zk/graph/verifyingKey.ts'
import type { ZkNegative, ZkVector } from '../zk/generate.ts'

/** What a proof's file is said to show. */
export type ZkStatementVector = {
  of: string
  /** The verifying key; its SHA-256 is `artifact`. */
  key: Hex
  artifact: Hex
  /** keccak-256 of the proof's file: a receipt's inputHash. */
  file: Hex
  model: Hex
  proofHash: Hex
  inputHash: Hex
  outputHash: Hex
  securityBits: number
  outputs: Hex
  statement: Hex
  hash: Hex
}

/** A file that gets no statement, and the code of the refusal. */
export type ZkRefused = {
  of: string
  flip?: { offset: number; mask: number }
  cut?: number
  extend?: number
  mode?: 0 | 1
  model?: Hex
  code: string
}

/** Bytes that are no statement. */
export type ZkInvalidStatement = { statement: Hex; error: string; revert: string }

/** Files of zk-statements/, from the vectors of zk/. */
export function zkStatementVectors(
  zk: Record<string, ZkVector | ZkNegative>,
): Record<string, ZkStatementVector | ZkRefused | ZkInvalidStatement> {
  const of = (name: string) => statementOf(name, zk[`zk/${name}`] as ZkVector)
  const [regression, attention] = [of('regression.json'), of('attention.json')]
  const vectors = {
    regression,
    attention,
    ...named('refused', refused(regression)),
    ...named('invalid', invalid(regression, attention)),
  }
  return named('zk-statements/', vectors, '', '.json')
}

/** The proof's file of a vector, with the identity of its committed weights. */
export function proofFileOf(vector: ZkVector, changes: Partial<ProofFile> = {}): Uint8Array {
  const graph = decodeGraph(fromHex(vector.graph))
  const { mode, batch } = vector
  return encodeProofFile({
    ...{ mode, batch, model: modelIdOf({ graph, root: fromHex(vector.weightsId) }) },
    ...{ input: integers(vector.input), outputs: vector.outputs.map(integers), proof: fromHex(vector.proof) },
    ...changes,
  })
}

function statementOf(of: string, vector: ZkVector): ZkStatementVector {
  const graph = decodeGraph(fromHex(vector.graph))
  const root = fromHex(vector.weightsId)
  const layout = layoutOf(graph, vector.batch, 0)
  const tensor = (index: number, text: string): Tensor => ({
    dtype: 'int32',
    dims: layout.tensors[index]!.dims,
    data: integers(text),
  })
  const outputs = graph.outputs.map((index, i) => tensor(index, vector.outputs[i]!))
  const fields = {
    model: toHex(modelIdOf({ graph, root })),
    proofHash: sha256(fromHex(vector.proof)),
    inputHash: keccak256(encodeTensor(tensor(0, vector.input))),
    securityBits: Math.floor(securityBits(graph, layout)),
  }
  const statement = encodeZkStatement({ ...fields, outputs })
  const key = encodeVerifyingKey({ graph, root })
  const bytes = outputs.map(output => toHex(encodeTensor(output)).slice(2)).join('')
  return {
    ...{ of, key: toHex(key), artifact: sha256(key), file: keccak256(proofFileOf(vector)) },
    ...{ ...fields, outputHash: keccak256(fromHex(`0x${bytes}`)), outputs: `0x${bytes}` },
    ...{ statement: toHex(statement), hash: keccak256(statement) },
  }
}

/** The file's header has 42 bytes: magic, version, mode, identity, batch; the proof is at its end. */
function refused({ of, model }: ZkStatementVector): Record<string, ZkRefused> {
  const other: Hex = `0x${'ab'.repeat(32)}`
  return {
    empty: { of, cut: 2 ** 26, code: 'zk-invalid-file' },
    'cut-short': { of, cut: 1, code: 'zk-invalid-file' },
    'trailing-byte': { of, extend: 1, code: 'zk-invalid-file' },
    'version-2': { of, flip: { offset: 4, mask: 3 }, code: 'zk-unsupported-version' },
    'unknown-mode': { of, flip: { offset: 5, mask: 2 }, code: 'zk-invalid-file' },
    'public-weights': { of, mode: 1, model, code: 'zk-public-weights' },
    'other-model': { of, model: other, code: 'zk-wrong-model' },
    'other-batch': { of, flip: { offset: 38, mask: 1 }, code: 'invalid-input' },
    'input-out-of-range': { of, flip: { offset: 47, mask: 1 }, code: 'zk-value-out-of-range' },
    'other-input': { of, flip: { offset: 46, mask: 1 }, code: 'zk-invalid-proof' },
    'last-byte': { of, flip: { offset: -1, mask: 1 }, code: 'zk-invalid-proof' },
  }
}

const WORD = 32

function invalid(one: ZkStatementVector, two: ZkStatementVector): Record<string, ZkInvalidStatement> {
  const [bytes, pair] = [fromHex(one.statement), fromHex(two.statement)]
  const set = (at: number, value: number, from = bytes): Hex =>
    toHex(Uint8Array.from(from, (byte, i) => (i === at ? value : byte)))
  const of = (statement: Hex, revert: string, error = 'invalid-statement') => ({ statement, error, revert })
  const version = (statement: Hex) => of(statement, 'UnsupportedStatement', 'unsupported-version')
  return {
    empty: of('0x', 'InvalidStatement'),
    'head-cut-short': of(toHex(bytes.subarray(0, 9 * WORD - 1)), 'InvalidStatement'),
    'cut-short': of(toHex(bytes.subarray(0, -1)), 'InvalidStatement'),
    'trailing-byte': of(`0x${one.statement.slice(2)}00`, 'InvalidStatement'),
    'version-0': version(set(31, 0)),
    'version-2': version(set(31, 2)),
    'version-wide': version(set(0, 1)),
    'kind-tee': of(set(2 * WORD - 1, 2), 'WrongProofKind'),
    'kind-wide': of(set(WORD, 1), 'WrongProofKind'),
    'bits-wide': of(set(6 * WORD, 1), 'InvalidStatement'),
    'other-place': of(set(8 * WORD - 1, 1), 'InvalidStatement'),
    'length-wide': of(set(8 * WORD, 0x80), 'InvalidStatement'),
    'length-short': of(set(9 * WORD - 1, 34), 'InvalidStatement'),
    'other-hash': of(set(5 * WORD, bytes[5 * WORD]! ^ 1), 'InvalidStatement'),
    'other-output': of(set(pair.length - WORD, pair[pair.length - WORD]! ^ 1, pair), 'InvalidStatement'),
    'filled-up': of(set(bytes.length - 1, 1), 'InvalidStatement'),
  }
}

function named<T>(prefix: string, vectors: Record<string, T>, joint = '-', suffix = ''): Record<string, T> {
  return Object.fromEntries(
    Object.entries(vectors).map(([name, value]) => [`${prefix}${joint}${name}${suffix}`, value]),
  )
}

const integers = (text: string): Int32Array => Int32Array.from(text.split(' '), Number)
