import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError } from '../common/errors.ts'

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

/** Whether this process runs; one that ended and was not yet reaped by its parent does not. */
export function isRunning(pid: number): boolean {
  const state = statOf(pid)[0]
  return state !== undefined && state !== 'Z'
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

/** pid and start time: a pid alone may have been given to another process since. */
function describeProcess(pid: number): string {
  return `${pid} ${statOf(pid)[19] ?? ''}`
}

function isAlive(holder: string): boolean {
  const pid = Number(holder.split(' ')[0])
  return Number.isInteger(pid) && isRunning(pid) && describeProcess(pid) === holder
}

/** Fields of proc(5) stat from the state on; empty when there is no such process. */
function statOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`)
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
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
