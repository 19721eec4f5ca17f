import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CliError } from '../errors.ts'

/** A file of weights for language models. */
export const MAX_LANGUAGE_MODEL: number = 64 * 2 ** 30

/** Whether a file begins as GGUF does; what it holds, the engine reads. @throws CliError bad-file */
export async function isGguf(path: string): Promise<boolean> {
  try {
    const file = await open(path)
    try {
      const start = Buffer.alloc(4)
      const { bytesRead } = await file.read(start, 0, 4, 0)
      return bytesRead === 4 && start.toString('latin1') === 'GGUF'
    } finally {
      await file.close()
    }
  } catch (error) {
    throw badFile(path, error instanceof Error ? error.message : String(error))
  }
}

/**
 * Checks a GGUF file's beginning and size, and brings it into a folder under its digest, whole or not at all. `isOurs` says that the
 * file lies in that folder and may be moved. Returns the digest in hex, without prefix.
 * @throws CliError bad-file
 */
export async function takeGguf(
  path: string,
  folder: string,
  { isOurs, sha256 }: { isOurs: boolean; sha256: string | undefined },
): Promise<{ file: string; sha256: string; size: number }> {
  const { size } = await stat(path)
  if (size > MAX_LANGUAGE_MODEL)
    throw badFile(path, `it has ${size} bytes, and ${MAX_LANGUAGE_MODEL} are accepted`)
  await checkStart(path, size)
  const draft = isOurs ? path : join(folder, `.${process.pid}.part`)
  try {
    const digest = isOurs && sha256 !== undefined ? sha256 : await copy(path, isOurs ? undefined : draft)
    if (sha256 !== undefined && digest !== sha256)
      throw badFile(path, `its SHA-256 is ${digest}, and ${sha256} was expected`)
    const file = `${digest}.gguf`
    await rename(draft, join(folder, file))
    return { file, sha256: digest, size }
  } catch (error) {
    if (!isOurs) await rm(draft, { force: true })
    throw error
  }
}

/** Magic, version 2 or 3, tensors and metadata in numbers that a file of this size can have. */
async function checkStart(path: string, size: number): Promise<void> {
  const file = await open(path)
  try {
    const start = Buffer.alloc(24)
    const { bytesRead } = await file.read(start, 0, 24, 0)
    if (bytesRead < 24) throw badFile(path, 'it ends within its header')
    const version = start.readUInt32LE(4)
    if (version !== 2 && version !== 3)
      throw badFile(path, `it is GGUF of version ${version}, and 2 and 3 are read`)
    const least = 24n + start.readBigUInt64LE(8) * 24n + start.readBigUInt64LE(16) * 13n
    if (start.readBigUInt64LE(8) === 0n || least > BigInt(size))
      throw badFile(path, 'its header promises more than it holds, or no weights')
  } finally {
    await file.close()
  }
}

/** Digest of a file, which is copied on the way when `to` is given. */
async function copy(path: string, to: string | undefined): Promise<string> {
  const hash = createHash('sha256')
  const target = to === undefined ? undefined : await open(to, 'w', 0o644)
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      hash.update(chunk)
      await target?.writeFile(chunk)
    }
    await target?.sync()
    return hash.digest('hex')
  } finally {
    await target?.close()
  }
}

function badFile(path: string, why: string): CliError {
  return new CliError('bad-file', {
    what: `the model ${path} cannot be used`,
    why,
    fix: 'give an ONNX file, a pipeline, or a GGUF file of a language model',
  })
}
