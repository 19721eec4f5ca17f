import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CollateralFiles } from '@nacre/verify'
import { CliError } from '../errors.ts'

const MAX_EVIDENCE = 1_048_576
const MAX_COLLATERAL = 1_048_576
const MAX_FILES = 256

/** The bytes of a file of evidence, whether it has them raw, in hex or in base64. Throws where it cannot be read. */
export function readEvidence(path: string): Uint8Array {
  return decoded(readBounded(path, MAX_EVIDENCE))
}

/** Files of collateral and certificates, by name; of a folder all files, but not those of folders in it. */
export function readCollateral(paths: readonly string[]): CollateralFiles {
  const files = new Map<string, Uint8Array>()
  const found = paths.flatMap(filesOf)
  if (found.length > MAX_FILES)
    throw badCollateral(paths.join(', '), `${found.length} files, and at most ${MAX_FILES} are read`)
  for (const path of found) {
    const name = files.has(basename(path)) ? path : basename(path)
    files.set(
      name,
      attempt(path, () => readBounded(path, MAX_COLLATERAL)),
    )
  }
  return files
}

/** Text of hex digits alone is hex, of base64's alone is base64; white space and 0x do not count. */
export function decoded(bytes: Uint8Array): Uint8Array {
  if (bytes.some(byte => byte > 0x7e)) return bytes
  const text = Buffer.from(bytes).toString('latin1').replace(/\s/g, '')
  const hex = text.replace(/^0x/i, '')
  if (/^([0-9a-f]{2})+$/i.test(hex)) return new Uint8Array(Buffer.from(hex, 'hex'))
  if (/^[\w+/-]{2,}={0,2}$/.test(text)) return new Uint8Array(Buffer.from(text, 'base64'))
  return bytes
}

function filesOf(path: string): string[] {
  return attempt(path, () => {
    if (!statSync(path).isDirectory()) return [path]
    const entries = readdirSync(path, { withFileTypes: true })
    // Links to files count: a revocation list that is one must not be passed over.
    return entries
      .map(entry => ({ entry, name: join(path, entry.name) }))
      .filter(({ entry, name }) => entry.isFile() || (entry.isSymbolicLink() && statSync(name).isFile()))
      .map(({ name }) => name)
      .sort()
  })
}

/** A device or a pipe has no size, and no end: never more than the bound is read of any. */
export function readBounded(path: string, max: number): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    if (size > max) throw new Error(`it has ${size} bytes, and at most ${max} are read`)
    const bytes = new Uint8Array(max + 1)
    let length = 0
    for (let read = 1; read > 0 && length <= max; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null)
    if (length > max) throw new Error(`it has more than ${max} bytes, and no more are read`)
    return bytes.slice(0, length)
  } finally {
    closeSync(file)
  }
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw badCollateral(path, error instanceof Error ? error.message : String(error))
  }
}

function badCollateral(path: string, why: string): CliError {
  const what = `collateral at ${path} cannot be read`
  return new CliError('bad-file', { what, why, fix: 'give a readable file, or a folder of such files' })
}
