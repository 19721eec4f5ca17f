import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { layoutOf } from '@nacre/proofs/zk/graph/layout'
import { decodeModel, MAX_MODEL_FILE, type Model } from '@nacre/proofs/zk/graph/model'
import { decodeProofFile, MAX_PROOF_FILE, type ProofFile } from '@nacre/proofs/zk/graph/proofFile'
import { decodeVerifyingKey, isVerifyingKey, type VerifyingKey } from '@nacre/proofs/zk/graph/verifyingKey'
import { readBounded } from '../../attestation/files.ts'
import { CliError } from '../../errors.ts'

/** A model that proofs are made for: with the root of its weights. */
export type Container = Required<Model>

/** What a verifier trusts: a container, or a verifying key, which has neither weights nor scales. */
export type Trusted = Container | VerifyingKey

/** One that is within the limits of proofs, before anything is committed to. @throws CliError bad-file */
export function readContainer(path: string): Container {
  return attempt(path, () => containerOf(readBounded(path, MAX_MODEL_FILE)))
}

/** @throws CliError bad-file */
export function readTrusted(path: string): Trusted {
  return attempt(path, () => {
    const bytes = readBounded(path, MAX_MODEL_FILE)
    if (!isVerifyingKey(bytes)) return containerOf(bytes)
    const key = decodeVerifyingKey(bytes)
    layoutOf(key.graph, 1, 0)
    return key
  })
}

export function hasWeights(trusted: Trusted): trusted is Container {
  return 'weights' in trusted
}

function containerOf(bytes: Uint8Array): Container {
  const { root, ...model } = decodeModel(bytes)
  if (!root) throw new Error('it has no root of its weights')
  layoutOf(model.graph, 1, 0)
  return { ...model, root }
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const fix = 'make it: nacre zk compile MODEL'
    throw badFile(`${path} is no model that proofs are made for`, error, fix)
  }
}

/** @throws CliError bad-file */
export function readProofFile(path: string): ProofFile {
  try {
    return decodeProofFile(readBounded(path, MAX_PROOF_FILE))
  } catch (error) {
    throw badFile(`${path} is no file of a proof`, error, 'take it from its prover again: nacre zk prove')
  }
}

/** Whole or not at all, so that Ctrl-C leaves no half of it. @throws CliError bad-file */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const part = `${path}.new`
  try {
    writeFileSync(part, bytes)
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    throw badFile(`${path} cannot be written`, error, 'name another place with --out')
  }
}

/** The name of a file without folder and ending. */
export function stem(path: string): string {
  return basename(path, extname(path))
}

/** A file of the container's name, beside it. */
export function beside(container: string, ending: string): string {
  return join(dirname(container), `${stem(container)}.${ending}`)
}

export function badFile(what: string, error: unknown, fix: string): CliError {
  return new CliError('bad-file', { what, why: error instanceof Error ? error.message : String(error), fix })
}
