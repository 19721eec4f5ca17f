import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Hex, toHex } from '@nacre/verify/bytes'
import type { ZkFiles } from '../../dev/zk.ts'
import { CliError } from '../../errors.ts'
import { beside } from './files.ts'
import { readKey } from './groth16Files.ts'

/** A model's verifying key, and the artifact that the chain knows it by. */
export type OwnKey = { bytes: Uint8Array; artifact: Hex; dims: readonly number[] }

/** The key file that is named, or the container's own name with .nzkg, beside it. @throws CliError bad-file */
export function keyOfContainer(container: string, named?: string): OwnKey & { path: string } {
  const { path, bytes, artifact, key } = readKey(resolve(named ?? beside(container, 'nzkg')))
  return { path, bytes, artifact: toHex(artifact), dims: key.dims }
}

/** What an operator needs to prove a network. @throws CliError bad-file */
export function zkFilesOf(container: string, named: { key?: string; provingKey?: string }): ZkFiles & OwnKey {
  const { path: verifyingKey, ...key } = keyOfContainer(container, named.key)
  const provingKey = resolve(named.provingKey ?? beside(container, 'zkey'))
  if (!existsSync(provingKey))
    throw new CliError('bad-file', {
      what: `there is no proving key ${provingKey}`,
      why: 'proofs are made with it, and anybody may have it',
      fix: 'make it with nacre zk setup, or name it with --proving-key',
    })
  return { ...key, container: resolve(container), provingKey, verifyingKey }
}
