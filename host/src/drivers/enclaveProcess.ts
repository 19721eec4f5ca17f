import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createConsole, readLines } from './console.ts'
import type { Exit } from './driver.ts'
import { DriverError } from './errors.ts'
import { INSIDE, type Mounts, sandboxArguments } from './sandbox.ts'

/** The enclave's process, and how it is stopped. Its stdin is a pipe: it ends itself when the other end is gone. */
export type EnclaveProcess = {
  pid: number
  /** It and the sandbox around it: none is to outlive the launch. */
  pids: number[]
  sandboxed: boolean
  /** Its last lines. */
  console(): string[]
  exited: Promise<Exit>
  /** Settles when the program says that it listens. @throws DriverError launch-failed, launch-timeout */
  ready(deadlineMs: number): Promise<void>
  /** SIGTERM, and SIGKILL after two seconds. */
  stop(): Promise<void>
}

const STOP_MS = 2000

type Log = (line: string) => void

export async function spawnSandboxed(mounts: Mounts, onLog: Log): Promise<EnclaveProcess> {
  const command = [`${INSIDE.image}/bin/node`, `${INSIDE.image}/app/enclave.mjs`, INSIDE.config]
  const args = ['--info-fd', '3', ...sandboxArguments(mounts), ...command]
  const child = spawn('bwrap', args, {
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  })
  const followed = follow(child, onLog)
  const info = await text(child.stdio[3] as Readable)
  const pid = Number(/"child-pid": *(\d+)/.exec(info)?.[1])
  if (!Number.isSafeInteger(pid)) {
    await followed.stop(child.pid)
    throw new DriverError('launch-failed', `bubblewrap started nothing: ${followed.quote()}`)
  }
  const pids = [pid, child.pid ?? pid]
  return { ...followed, pid, pids, sandboxed: true, stop: () => followed.stop(pid) }
}

export function spawnPlain({ imageDir, configFile }: Mounts, onLog: Log): EnclaveProcess {
  const args = [join(imageDir, 'app/enclave.mjs'), configFile ?? '']
  const child = spawn(join(imageDir, 'bin/node'), args, {
    env: {},
    cwd: '/',
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const followed = follow(child, onLog)
  const pid = child.pid ?? -1
  const pids = child.pid === undefined ? [] : [child.pid]
  return { ...followed, pid, pids, sandboxed: false, stop: () => followed.stop(child.pid) }
}

type Followed = Pick<EnclaveProcess, 'exited' | 'ready' | 'console'> & {
  stop(pid?: number): Promise<void>
  quote(): string
}

function follow(child: ChildProcess, onLog: Log): Followed {
  const lines = createConsole(onLog)
  let ended = false
  const exited = exitOf(child).finally(() => {
    ended = true
  })
  child.stdin?.on('error', () => {})
  readLines(child.stderr!, lines.write)
  return {
    exited,
    quote: lines.quote,
    console: lines.lines,
    ready: deadlineMs =>
      lines.ready(
        exited.then(({ code, signal }) => `${signal ?? code}`),
        deadlineMs,
      ),
    async stop(pid) {
      // A process id may belong to somebody else once its process has ended.
      if (ended) return
      kill(pid, 'SIGTERM')
      const insist = setTimeout(() => {
        if (ended) return
        kill(pid, 'SIGKILL')
        child.kill('SIGKILL')
      }, STOP_MS)
      await exited
      clearTimeout(insist)
    },
  }
}

/** A sandboxed process that a signal ended is told by bubblewrap as 128 + signal. */
async function exitOf(child: ChildProcess): Promise<Exit> {
  const { promise, resolve } = Promise.withResolvers<Exit>()
  child.once('error', () => resolve({ code: -1, signal: null }))
  child.once('exit', (code, signal) => {
    const names = Object.entries(constants.signals) as [NodeJS.Signals, number][]
    const inner = names.find(([, number]) => code === 128 + number)?.[0]
    resolve(inner ? { code: null, signal: inner } : { code, signal })
  })
  return await promise
}

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined && pid > 0) process.kill(pid, signal)
  } catch {
    // It has ended already.
  }
}
