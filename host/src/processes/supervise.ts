import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { FatalError } from '../common/errors.ts'

export type Exit = { code: number | null; signal: NodeJS.Signals | null }

/** A supervised child process. */
export type Child = {
  pid: number
  exited: Promise<Exit>
  /** The last lines that it wrote, for error messages. */
  tail(): string
  /** Sends the stop signal and waits; kills it after the deadline. Idempotent. */
  stop(): Promise<void>
}

export type SpawnOptions = {
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Signal that ends it in order; also sent by the kernel when this process dies. */
  stopSignal?: 'SIGINT' | 'SIGTERM'
  /** Run as this user, keeping the right to read folders of root (state below /root). */
  user?: { uid: number; gid: number }
  onLine?: (line: string) => void
  stopDeadlineMs?: number
  /** Written to its standard input, which then ends; nothing when absent. */
  input?: string
}

const TAIL_LINES = 20
const running = new Set<{ child: ChildProcess; signal: NodeJS.Signals }>()
process.once('exit', () => {
  for (const { child, signal } of running) child.kill(signal)
})

/**
 * Starts a child in its own process group (Ctrl-C in a terminal reaches only us, so that we stop it in order) that
 * dies with this process, even by kill -9, where setpriv exists.
 */
export function spawnChild(options: SpawnOptions): Child {
  const { stopSignal = 'SIGINT', stopDeadlineMs = 10_000 } = options
  const [command, ...args] = commandLine(options, stopSignal)
  const child = spawn(command!, args, {
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: options.env ?? process.env,
    ...(options.user && !findSetpriv() ? options.user : {}),
  })
  // One that ends without reading it says why elsewhere.
  child.stdin?.on('error', () => {}).end(options.input)
  const entry = { child, signal: stopSignal }
  running.add(entry)
  const lines: string[] = []
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', line => {
      lines.push(line)
      if (lines.length > TAIL_LINES) lines.shift()
      options.onLine?.(line)
    })
  }
  const exited = new Promise<Exit>(resolve => {
    child.once('error', error => {
      lines.push(String(error))
      resolve({ code: null, signal: null })
    })
    child.once('close', (code, signal) => resolve({ code, signal }))
  }).finally(() => running.delete(entry))
  return {
    pid: child.pid ?? 0,
    exited,
    tail: () => lines.join('\n'),
    stop: () => stop(child, exited, stopSignal, stopDeadlineMs),
  }
}

/** Waits until `ready` resolves; throws PROCESS_FAILED with the child's last words if it exits or takes too long. */
export async function waitReady(
  name: string,
  child: Child,
  ready: Promise<unknown>,
  deadlineMs: number,
): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(failed(name, `was not ready after ${deadlineMs} ms`, child)),
    deadlineMs,
  )
  const died = child.exited.then(({ code, signal }) => {
    throw failed(name, `exited before it was ready (${signal ?? `code ${code}`})`, child)
  })
  await Promise.race([ready, died, late]).finally(() => clearTimeout(timer))
}

async function stop(
  child: ChildProcess,
  exited: Promise<Exit>,
  signal: NodeJS.Signals,
  deadlineMs: number,
): Promise<void> {
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs)
  await exited.finally(() => clearTimeout(timer))
}

function commandLine({ command, args, user }: SpawnOptions, stopSignal: string): string[] {
  const setpriv = findSetpriv()
  if (!setpriv) return [command, ...args]
  const identity = user
    ? [
        `--reuid=${user.uid}`,
        `--regid=${user.gid}`,
        '--clear-groups',
        '--inh-caps=+dac_override',
        '--ambient-caps=+dac_override',
      ]
    : []
  return [setpriv, ...identity, '--pdeathsig', stopSignal, '--', command, ...args]
}

/** What runs a command that the kernel kills when this process is gone, where setpriv exists; its process id stays. */
export function endedWithUs(command: string): [string, ...string[]] {
  const setpriv = findSetpriv()
  return setpriv === undefined ? [command] : [setpriv, '--pdeathsig', 'SIGKILL', '--', command]
}

function findSetpriv(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/bin', '/bin')
  return folders.map(folder => join(folder, 'setpriv')).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function failed(name: string, what: string, child: Child): FatalError {
  return new FatalError('PROCESS_FAILED', `${name} ${what}. Its last output: ${child.tail() || '(none)'}`, {
    fix: `Read the output above; docs/operating.md, Recovery, lists the usual causes.`,
  })
}
