/**
 * A proof with what it is about, as one file: beside the model's container it is all that a verifier needs. Values are the
 * integers of docs/zk-soundness.md, section 2; what they stand for say the container's scales.
 */
import { concatAll } from '@nacre/verify/bytes'
import { proofsError } from '../../errors.ts'
import { int32Bytes, type Reader, readerOf, writerOf } from './bytes.ts'
import type { Mode } from './graph.ts'
import { LIMITS } from './limits.ts'

export type ProofFile = {
  mode: Mode
  /** The model's identity (section 5), 32 bytes, in both modes. */
  model: Uint8Array
  batch: number
  /** Row-major, batch first, without padding, as the outputs are. */
  input: Int32Array
  outputs: Int32Array[]
  proof: Uint8Array
}

const MAGIC = 0x534b5a4e // "NZKS"
const VERSION = 1
const IDENTITY_BYTES = 32

/** No file is longer: a full input, an output as large, and the largest proof. */
export const MAX_PROOF_FILE = 0x400_0000

/**
 * `"NZKS" | u8 1 | u8 mode | model's identity | u32 batch | input | u8 count | outputs | u32 length, proof`; input and outputs are
 * `u32 count | i32 a value`.
 * @throws NacreError zk-invalid-file
 */
export function encodeProofFile({ mode, model, batch, input, outputs, proof }: ProofFile): Uint8Array {
  if (model.length !== IDENTITY_BYTES) throw invalid(`an identity has ${IDENTITY_BYTES} bytes`)
  const head = writerOf('zk-invalid-file')
  head.number('u32', MAGIC, 'magic')
  head.number('u8', VERSION, 'version')
  head.number('u8', mode, 'mode')
  head.bytes(model)
  head.number('u32', batch, 'batch')
  const bytes = concatAll([
    head.done(),
    ...valuesOf(input),
    Uint8Array.of(outputs.length),
    ...outputs.flatMap(valuesOf),
    countOf(proof.length),
    proof,
  ])
  if (bytes.length > MAX_PROOF_FILE) throw tooLong(bytes)
  return bytes
}

/**
 * Nothing is allocated that the bytes do not hold. Whether numbers of values fit a graph, and whether the proof holds, says the
 * verifier.
 * @throws NacreError zk-invalid-file, zk-unsupported-version
 */
export function decodeProofFile(bytes: Uint8Array): ProofFile {
  if (bytes.length > MAX_PROOF_FILE) throw tooLong(bytes)
  const from = readerOf(bytes, 'zk-invalid-file')
  if (from.number('u32') !== MAGIC) throw invalid('the bytes do not begin with NZKS')
  const version = from.number('u8')
  if (version !== VERSION) throw proofsError('zk-unsupported-version', `the file has version ${version}`)
  const mode = from.number('u8')
  if (mode !== 0 && mode !== 1) throw invalid(`mode is ${mode}, not 0 or 1`)
  const model = Uint8Array.from(from.bytes(IDENTITY_BYTES))
  const batch = from.number('u32')
  if (batch < 1 || batch > LIMITS.batch) throw invalid(`batch is ${batch}, not 1 to ${LIMITS.batch}`)
  const input = readValues(from)
  const count = from.number('u8')
  if (count < 1 || count > LIMITS.outputs) throw invalid(`${count} outputs, not 1 to ${LIMITS.outputs}`)
  const outputs: Int32Array[] = []
  for (let i = 0; i < count; i++) outputs.push(readValues(from))
  const proof = Uint8Array.from(from.bytes(from.number('u32')))
  from.end()
  return { mode, model, batch, input, outputs, proof }
}

function valuesOf(values: Int32Array): Uint8Array[] {
  return [countOf(values.length), int32Bytes([values])]
}

function countOf(count: number): Uint8Array {
  const to = writerOf('zk-invalid-file')
  to.number('u32', count, 'a length')
  return to.done()
}

function readValues(from: Reader): Int32Array {
  const count = from.number('u32')
  const { buffer, byteOffset, byteLength } = from.bytes(4 * count)
  const view = new DataView(buffer, byteOffset, byteLength)
  return Int32Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true))
}

const invalid = (message: string): Error => proofsError('zk-invalid-file', message)
const tooLong = ({ length }: Uint8Array): Error =>
  invalid(`${length} bytes, a proof’s file has at most ${MAX_PROOF_FILE}`)
