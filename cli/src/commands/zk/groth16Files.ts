import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { decodeKey, keyHash, MAX_KEY_FILE, type VerificationKey } from '@nacre/proofs/zk/groth16/key'
import {
  decodeGroth16File,
  type Groth16ProofFile,
  isGroth16File,
  MAX_GROTH16_FILE,
} from '@nacre/proofs/zk/groth16/proofFile'
import { readBounded } from '../../attestation/files.ts'
import { badFile } from './files.ts'

/** No proving key that is read is longer: that of a circuit of a million constraints has half of it. */
const MAX_ZKEY = 2 ** 30

/** A key file, read and checked. */
export type KeyFile = { path: string; bytes: Uint8Array; key: VerificationKey; artifact: Uint8Array }

/** @throws CliError bad-file */
export function readKey(path: string): KeyFile {
  try {
    const bytes = readBounded(path, MAX_KEY_FILE)
    return { path, bytes, key: decodeKey(bytes), artifact: keyHash(bytes) }
  } catch (error) {
    const fix = 'name another one with --key; nacre zk setup verify makes one out of a ceremony'
    throw badFile(`${path} is no key file`, error, fix)
  }
}

/** What is in it checks whoever proves with it. @throws CliError bad-file */
export function readProvingKey(path: string, fix: string): Uint8Array {
  try {
    const stats = statSync(path)
    if (!stats.isFile()) throw new Error('it is no file')
    if (stats.size > MAX_ZKEY) throw new Error(`it has ${stats.size} bytes, and at most ${MAX_ZKEY} are read`)
    const { buffer, byteOffset, byteLength } = readFileSync(path)
    return new Uint8Array(buffer, byteOffset, byteLength)
  } catch (error) {
    throw badFile(`the proving key ${path} cannot be read`, error, fix)
  }
}

/** Whether it begins as the file of a Groth16 proof; what cannot be read is told by whoever reads it whole. */
export function isGroth16(path: string): boolean {
  try {
    const file = openSync(path, 'r')
    try {
      const magic = new Uint8Array(4)
      return readSync(file, magic, 0, magic.length, 0) === magic.length && isGroth16File(magic)
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}

/** @throws CliError bad-file */
export function readGroth16File(path: string): Groth16ProofFile {
  try {
    return decodeGroth16File(readBounded(path, MAX_GROTH16_FILE))
  } catch (error) {
    const fix = 'take it from its prover again: nacre zk prove --groth16'
    throw badFile(`${path} is no file of a Groth16 proof`, error, fix)
  }
}
