import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DriverName } from './driver.ts'
import { createRecords } from './records.ts'

/** One launch: what is there of it, on disk and on record, until all of it is gone. */
export type Run = {
  /** Unique; letters, digits and dashes. */
  name: string
  /** To be deleted at the end, with what is in it. */
  folder: string
  /** Writes down what a sweep would have to end: processes, and by what the driver ends what is no process here. */
  record(what: { pids: number[]; handle?: string }): void
  /** Runs when the launch fails or the machine has ended; when it rejects, the record stays for the next sweep. */
  defer(close: () => Promise<unknown>): void
  /** Ends what was deferred, the last first, and removes folder and record; called again, what was deferred since. */
  close(): Promise<void>
}

/** From before there is anything of it: what is killed right after left a record. */
export async function openRun(driver: DriverName, stateDir: string | undefined): Promise<Run> {
  const name = `${driver}-${randomBytes(8).toString('hex')}`
  const folder = join(tmpdir(), `nacre-${name}`)
  const records = createRecords(driver, stateDir)
  let pids: number[] = []
  const record = (what: { pids: number[]; handle?: string }) => {
    pids = what.pids
    return records.add({ name, folder, ...what })
  }
  // The record stays: whether everything ends with this process, the next one looks.
  const atExit = () => {
    for (const pid of pids) kill(pid)
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', atExit)
  const closers: (() => unknown)[] = [() => process.off('exit', atExit)]
  let closing: Promise<void> = Promise.resolve()
  const closeAll = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  const close = () => (closing = closing.then(closeAll, closeAll))
  try {
    closers.push(record({ pids: [] }))
    await mkdir(folder, { mode: 0o700 })
    closers.push(() => rm(folder, { recursive: true, force: true }))
  } catch (error) {
    await close()
    throw error
  }
  return {
    name,
    folder,
    record,
    defer: closer => closers.push(closer),
    close,
  }
}

/** Closes the launch when the work fails, or as soon as the signal comes: then what it has started ends, and it fails. */
export async function carryOut<T>(
  close: () => Promise<void>,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const stop = () => void close()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    signal?.throwIfAborted()
    const done = await work()
    signal?.throwIfAborted()
    return done
  } catch (error) {
    await close()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** A number that is no process's is a group's, or everybody's: -1 kills all that this user may. */
function kill(pid: number): void {
  if (pid <= 1) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
