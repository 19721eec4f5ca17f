import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Hex, sha256 } from '@nacre/verify'
import { readBounded } from '../../attestation/files.ts'
import type { ZkFiles } from '../../dev/zk.ts'
import { CliError } from '../../errors.ts'
import { badFile, beside } from './files.ts'

/** The chain takes no longer key file: it is a contract's code. */
const MAX_KEY_FILE = 24_576

/** A model's verifying key: what the chain knows it by. */
export type KeyFile = { path: string; bytes: Uint8Array; artifact: Hex }

/** The key file that is named, or the container's own name with .nzkg, beside it. @throws CliError bad-file */
export function readKeyFile(container: string, named?: string): KeyFile {
  const path = resolve(named ?? beside(container, 'nzkg'))
  const fix = 'make it with nacre zk setup, or name it with --key'
  try {
    const bytes = readBounded(path, MAX_KEY_FILE)
    return { path, bytes, artifact: sha256(bytes) }
  } catch (error) {
    throw badFile(`${path} cannot be read as a verifying key`, error, fix)
  }
}

/** What an operator needs to prove a network. @throws CliError bad-file */
export function zkFilesOf(
  container: string,
  named: { key?: string; provingKey?: string },
): ZkFiles & KeyFile {
  const key = readKeyFile(container, named.key)
  const provingKey = resolve(named.provingKey ?? beside(container, 'zkey'))
  if (!existsSync(provingKey))
    throw new CliError('bad-file', {
      what: `there is no proving key ${provingKey}`,
      why: 'proofs are made with it, and anybody may have it',
      fix: 'make it with nacre zk setup, or name it with --proving-key',
    })
  return { ...key, container: resolve(container), provingKey, verifyingKey: key.path }
}
