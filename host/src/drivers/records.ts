import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, isAbsolute, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@nacre/verify'
import { arrayOf, objectOf, type Parser, parseJson, textOf, versionOf } from '@nacre/verify/shape'
import { describeProcess, isAlive, processesWith } from '../processes/identity.ts'
import type { DriverName } from './driver.ts'
import { DriverError } from './errors.ts'

/** What an enclave left behind would consist of. */
export type Launch = {
  /** Unique in the state folder: the driver's, a dash, and letters, digits and dashes. */
  name: string
  /** Processes that are not to outlive it. */
  pids: number[]
  /** Its own temporary folder, whose name begins with `nacre-`. */
  folder?: string
  /** What the driver ends it by where it has no process on this machine. */
  handle?: string
}

/** The launches of one driver, as files in `enclaves` of the state folder: what a killed agent cannot say any more. */
export type Records = {
  /** Writes a launch down; again under the same name replaces it. Returns what removes it at the end. */
  add(launch: Launch): () => void
  /**
   * Ends every launch whose agent is gone, by `end` those with a handle, and returns their names.
   * @throws DriverError sweep-failed after all others were ended
   */
  sweep(end?: (handle: string) => Promise<void>): Promise<string[]>
}

/** `processes` and `owner` are pid and start time, which another boot may give again: `boot` says of which they are. */
type Stored = {
  version: 1
  name: string
  owner: string
  boot: string
  processes: string[]
} & { folder?: string; handle?: string }

const MAX_FILE = 16_384
const END_MS = 5000
const BOOT_ID = '/proc/sys/kernel/random/boot_id'

const named: Parser<string> = (value, path) => {
  const name = textOf(64)(value, path)
  if (!/^[A-Za-z0-9-]+$/.test(name)) throw new Error(`${path} is not letters, digits and dashes`)
  return name
}
/** Whatever a record says: only folders that a driver made are ever deleted. */
const ownFolder: Parser<string> = (value, path) => {
  const folder = textOf(256)(value, path)
  if (!isAbsolute(folder) || !/^nacre-[A-Za-z0-9-]+$/.test(basename(folder)))
    throw new Error(`${path} is no folder of a driver`)
  return folder
}
const parseStored = objectOf<Omit<Stored, 'folder' | 'handle'>, Required<Pick<Stored, 'folder' | 'handle'>>>(
  {
    version: versionOf(1),
    name: named,
    owner: textOf(64),
    boot: textOf(64),
    processes: arrayOf(textOf(64), 16),
  },
  { folder: ownFolder, handle: textOf(256) },
)

/**
 * Variable in the environment of what a launch starts, with its folder: an agent that is killed right after has not
 * written down the process, but the folder.
 */
export const LAUNCH_VARIABLE = 'NACRE_LAUNCH'

/** Without a state folder nothing is recorded, and nothing is found. */
export function createRecords(driver: DriverName, stateDir: string | undefined): Records {
  if (stateDir === undefined) return { add: () => () => {}, sweep: async () => [] }
  const dir = join(stateDir, 'enclaves')
  return {
    add(launch) {
      if (!launch.name.startsWith(`${driver}-`)) throw new TypeError(`${launch.name} is no name of ${driver}`)
      const file = join(dir, `${launch.name}.json`)
      write(dir, file, storedOf(launch))
      return () => rmSync(file, { force: true })
    },
    sweep: async end => {
      const names: string[] = []
      const failures: unknown[] = []
      for (const file of list(dir, driver)) {
        try {
          const record = read(file)
          if (hasOwner(record)) continue
          await endLaunch(record, end)
          rmSync(file, { force: true })
          names.push(record.name)
        } catch (cause) {
          failures.push(new Error(`${file}: ${messageOf(cause)}`, { cause }))
        }
      }
      if (failures.length > 0) throw new DriverError('sweep-failed', messageOf(failures[0]), failures[0])
      return names
    },
  }
}

function storedOf({ name, pids, folder, handle }: Launch): Stored {
  const stored = {
    version: 1,
    name,
    owner: describeProcess(process.pid),
    boot: bootId(),
    processes: pids.map(describeProcess),
    ...(folder !== undefined && { folder }),
    ...(handle !== undefined && { handle }),
  }
  return parseStored(stored, 'record')
}

/** Whole or not at all, whenever this process is killed. */
function write(dir: string, file: string, record: Stored): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Other drivers' records are theirs to read. */
function list(dir: string, driver: DriverName): string[] {
  try {
    const names = readdirSync(dir).filter(name => name.startsWith(`${driver}-`) && name.endsWith('.json'))
    return names.sort().map(name => join(dir, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function read(file: string): Stored {
  if (statSync(file).size > MAX_FILE) throw new Error(`longer than ${MAX_FILE} bytes`)
  return parseStored(parseJson(readFileSync(file, 'utf8'), MAX_FILE, 'record'), 'record')
}

function hasOwner({ boot, owner }: Stored): boolean {
  return boot === bootId() && isAlive(owner)
}

async function endLaunch(
  { boot, processes, folder, handle }: Stored,
  end?: (handle: string) => Promise<void>,
): Promise<void> {
  if (boot === bootId()) {
    // First what may still be at making what the handle names.
    const marked = folder === undefined ? [] : processesWith(`${LAUNCH_VARIABLE}=${folder}`)
    await Promise.all([...processes, ...marked].map(kill))
    if (handle !== undefined) await endHandle(handle, end)
  }
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}

async function endHandle(handle: string, end?: (handle: string) => Promise<void>): Promise<void> {
  if (!end) throw new Error(`nothing here ends ${handle}`)
  await end(handle)
}

/** There is nothing to save: the keys of an enclave without its agent are of no use. */
async function kill(description: string): Promise<void> {
  const pid = Number(description.split(' ')[0])
  for (const deadline = Date.now() + END_MS; isAlive(description); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`process ${pid} does not end`)
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      // It may have ended in between.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

function bootId(): string {
  return readFileSync(BOOT_ID, 'utf8').trim()
}
