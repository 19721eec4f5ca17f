import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CollateralFiles } from '@nacre/verify'
import { RetryableError } from '../common/errors.ts'

/** What a case has room for (docs/protocol.md, Case): more is another folder. */
const MAX_FILES = 64
const MAX_SIZE = 1_048_576

/**
 * The files of a folder that `nacre attestation collateral fetch` writes, by name; hidden ones and folders are left out.
 * They are renewed while the agent runs, so that they are read for each registration, and one that fails is tried again.
 * Throws CONFIG_INVALID.
 */
export async function readCollateral(folder: string): Promise<CollateralFiles> {
  const files = new Map<string, Uint8Array>()
  let left = MAX_SIZE
  try {
    for (const name of await namesOf(folder)) {
      const bytes = await readBounded(join(folder, name), left)
      if (!bytes) continue
      left -= bytes.length
      files.set(name, bytes)
    }
  } catch (cause) {
    throw unreadable(folder, cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (files.size === 0) throw unreadable(folder, 'it has no files')
  return files
}

async function namesOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter(name => !name.startsWith('.'))
  if (names.length > MAX_FILES) throw new Error(`${names.length} files, and at most ${MAX_FILES} are read`)
  return names.sort()
}

/** Undefined of what is no file. A device has no size, and no end: never more than the bound is read. */
async function readBounded(path: string, max: number): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r')
  try {
    const found = await file.stat()
    if (!found.isFile()) return undefined
    if (found.size <= max) return await readAll(file, found.size)
    throw new Error(`${path} and the others are longer than ${MAX_SIZE} bytes together`)
  } finally {
    await file.close()
  }
}

async function readAll(file: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  let length = 0
  while (length < size) {
    const { bytesRead } = await file.read(bytes, length, size - length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}

function unreadable(folder: string, why: string, cause?: unknown): RetryableError {
  return new RetryableError('CONFIG_INVALID', `The collateral in ${folder} cannot be read: ${why}.`, {
    fix: 'Fill tee.collateralDir with: nacre attestation collateral fetch EVIDENCE --out FOLDER.',
    cause,
  })
}
