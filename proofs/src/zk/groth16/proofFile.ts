/**
 * A Groth16 proof with what it is about, as one file, `.nzkp`: beside the key file it is all that a verifier needs. The input is
 * there as its commitment alone; whoever has it can compute that (docs/zk-groth16.md, section 2).
 */
import { concatAll } from '@nacre/verify/bytes'
import { proofsError } from '../../errors.ts'
import { int32Bytes, readerOf, writerOf } from '../graph/bytes.ts'
import { PROOF_BYTES } from './verify.ts'

export type Groth16ProofFile = {
  /** SHA-256 of the key file, 32 bytes. */
  artifact: Uint8Array
  /** The input's commitment, 32 bytes. */
  inputHash: Uint8Array
  /** The output's values, row-major, batch first. */
  output: Int32Array
  /** `A | B | C`. */
  proof: Uint8Array
}

const MAGIC = 0x504b5a4e // "NZKP"
const VERSION = 1
const HASH_BYTES = 32
/** More than 16 elements of 253 bits hold. */
const MAX_VALUES = 4096

/** No file is longer. */
export const MAX_GROTH16_FILE: number = 4 + 1 + 2 * HASH_BYTES + 4 + 4 * MAX_VALUES + PROOF_BYTES

/** Whether a file begins as those of Groth16 proofs do, and not as those of the transparent prover. */
export function isGroth16File(bytes: Uint8Array): boolean {
  return [0x4e, 0x5a, 0x4b, 0x50].every((byte, i) => bytes[i] === byte)
}

/**
 * Little-endian: `"NZKP" | u8 1 | artifact | inputHash | u32 count | i32 a value | proof, 256 bytes`.
 * @throws NacreError zk-invalid-file
 */
export function encodeGroth16File(file: Groth16ProofFile): Uint8Array {
  const { artifact, inputHash, output, proof } = file
  const head = writerOf('zk-invalid-file')
  head.number('u32', MAGIC, 'magic')
  head.number('u8', VERSION, 'version')
  head.bytes(artifact)
  head.bytes(inputHash)
  head.number('u32', output.length, 'the number of values')
  const bytes = concatAll([head.done(), int32Bytes([output]), proof])
  decodeGroth16File(bytes)
  return bytes
}

/**
 * Nothing is allocated that the bytes do not hold. Whether the values are those of a key, and the proof holds, says
 * verifyGroth16.
 * @throws NacreError zk-invalid-file, zk-unsupported-version
 */
export function decodeGroth16File(bytes: Uint8Array): Groth16ProofFile {
  if (bytes.length > MAX_GROTH16_FILE)
    throw invalid(`${bytes.length} bytes, the file of a Groth16 proof has at most ${MAX_GROTH16_FILE}`)
  const from = readerOf(bytes, 'zk-invalid-file')
  if (from.number('u32') !== MAGIC) throw invalid('the bytes do not begin with NZKP')
  const version = from.number('u8')
  if (version !== VERSION) throw proofsError('zk-unsupported-version', `the file has version ${version}`)
  const [artifact, inputHash] = [from.bytes(HASH_BYTES), from.bytes(HASH_BYTES)].map(hash =>
    Uint8Array.from(hash),
  )
  const count = from.number('u32')
  if (count < 1 || count > MAX_VALUES) throw invalid(`${count} values, not 1 to ${MAX_VALUES}`)
  const values = from.bytes(4 * count)
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
  const output = Int32Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true))
  const proof = Uint8Array.from(from.bytes(PROOF_BYTES))
  from.end()
  return { artifact: artifact!, inputHash: inputHash!, output, proof }
}

const invalid = (message: string): Error => proofsError('zk-invalid-file', message)
