import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../cli/bin/nacre.js', import.meta.url))

export type Result = { code: number | null; stdout: string; stderr: string; json: Record<string, unknown> }

export type Started = {
  process: ChildProcess
  stdout(): string
  stderr(): string
  /** Resolves when an output has this text; rejects when the process ends without it. */
  says(stream: 'stdout' | 'stderr', text: string): Promise<void>
  /** Ends it if it runs, and waits. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** Runs the command line to its end. */
export async function nacre(...args: string[]): Promise<Result> {
  const child = start(args)
  const [code] = (await once(child.process, 'close')) as [number | null]
  return { code, stdout: child.stdout(), stderr: child.stderr(), json: lastLine(child.stdout()) }
}

/** Starts the command line, by the Node that runs this or another. */
export function start(args: string[], options: { node?: string; env?: NodeJS.ProcessEnv } = {}): Started {
  const { node = process.execPath, env = process.env } = options
  const child = spawn(node, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  const closed = once(child, 'close')
  const output = { stdout: '', stderr: '' }
  const waiting: (() => void)[] = []
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', data => {
      output[stream] += data
      for (const look of waiting) look()
    })
  return {
    process: child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    says: async (stream, text) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const look = () => output[stream].includes(text) && resolve()
      waiting.push(look)
      look()
      const ended = closed.then(([code]) =>
        Promise.reject(new Error(`nacre exited with ${code}: ${output.stderr}`)),
      )
      await Promise.race([promise, ended])
    },
    end: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return (await closed)[0] as number | null
    },
  }
}

export function lastLine(text: string): Record<string, unknown> {
  const line = text.trimEnd().split('\n').at(-1) ?? ''
  return line.startsWith('{') ? JSON.parse(line) : {}
}

/** The Node that came with the machine, if there is one: nacre must start with it too. */
export function oldNode(): string {
  return ['/usr/bin/node', '/usr/local/bin/node'].find(existsSync) ?? process.execPath
}

/** Command lines of running processes that name this folder. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(commandLine)
    .filter(line => line.includes(folder))
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
