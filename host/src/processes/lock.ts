import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError } from '../common/errors.ts'
import { describeProcess, isAlive } from './identity.ts'

/** A held lock. `release` is idempotent. */
export type Lock = { release(): void }

/**
 * Takes a state folder for this process; a lock whose owner is dead is taken over.
 * Throws STATE_IN_USE when another live process holds it.
 */
export function lockState(dir: string): Lock {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'lock')
  const mine = describeProcess(process.pid)
  const own = `${path}.${process.pid}`
  writeFileSync(own, mine)
  try {
    while (!tryLink(own, path)) {
      const holder = read(path)
      if (isAlive(holder)) throw inUse(dir, holder)
      removeStale(path, holder, dir)
    }
  } finally {
    rmSync(own, { force: true })
  }
  return {
    release: () => {
      if (read(path) === mine) rmSync(path, { force: true })
    },
  }
}

/** Linking is atomic and the file is complete when it appears. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves a stale lock away; if another process took it in between, puts that one's lock back. */
function removeStale(path: string, stale: string, dir: string): void {
  const moved = `${path}.stale.${process.pid}`
  try {
    renameSync(path, moved)
  } catch {
    return
  }
  const found = read(moved)
  if (found !== stale) tryLink(moved, path)
  rmSync(moved, { force: true })
  if (found !== stale) throw inUse(dir, found)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function inUse(dir: string, holder: string): FatalError {
  return new FatalError(
    'STATE_IN_USE',
    `The state folder ${dir} is in use by process ${holder.split(' ')[0]}.`,
    {
      fix: 'Stop that process first, or choose another state folder.',
    },
  )
}
