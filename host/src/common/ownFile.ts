import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { FatalError } from './errors.ts'

/** Keys and passwords are short: a longer file is another one, and nothing of it is read. */
const MAX_SIZE = 8_192

/**
 * The text of a file that holds a secret, without the line break at its end. `what` names it in errors, which never tell
 * the text.
 * @throws FatalError CONFIG_INVALID when it is missing, too long, no plain file, or readable by others
 */
export function readOwnFile(file: string, what: string, fix: string): string {
  const refuse = (why: string, cause?: unknown) =>
    new FatalError('CONFIG_INVALID', `The ${what} ${file} ${why}.`, { fix, cause })
  try {
    // What is looked at and what is read is one file, whoever renames what in between.
    const descriptor = openSync(file, 'r')
    try {
      const { mode, size } = fstatSync(descriptor)
      if ((mode & 0o170000) !== 0o100000) throw refuse('is not a plain file')
      if ((mode & 0o077) !== 0) throw refuse('can be read by other users')
      if (size > MAX_SIZE) throw refuse(`has ${size} bytes, and at most ${MAX_SIZE} are read`)
      return readFileSync(descriptor, 'utf8').replace(/\r?\n$/, '')
    } finally {
      closeSync(descriptor)
    }
  } catch (cause) {
    throw cause instanceof FatalError ? cause : refuse('cannot be read', cause)
  }
}
