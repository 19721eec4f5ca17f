import { readdirSync, readFileSync, statSync } from 'node:fs'
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
  for (const path of paths.flatMap(filesOf)) {
    const name = files.has(basename(path)) ? path : basename(path)
    files.set(
      name,
      attempt(path, () => readBounded(path, MAX_COLLATERAL)),
    )
  }
  if (files.size <= MAX_FILES) return files
  throw badCollateral(paths.join(', '), `${files.size} files, and at most ${MAX_FILES} are read`)
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
    return entries
      .filter(entry => entry.isFile())
      .map(entry => join(path, entry.name))
      .sort()
  })
}

function readBounded(path: string, max: number): Uint8Array {
  const { size } = statSync(path)
  if (size > max) throw new Error(`it has ${size} bytes, and at most ${max} are read`)
  return new Uint8Array(readFileSync(path))
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
