import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../cli/bin/nacre.js', import.meta.url))

export type Result = { code: number | null; stdout: string; stderr: string; json: Record<string, unknown> }

/** Runs the command line to its end. */
export async function nacre(...args: string[]): Promise<Result> {
  const child = start(...args)
  const [code] = (await once(child.process, 'close')) as [number | null]
  return { code, stdout: child.stdout(), stderr: child.stderr(), json: lastLine(child.stdout()) }
}

export type Started = {
  process: ChildProcess
  stdout(): string
  stderr(): string
  /** Resolves when standard output has a line; rejects when the process ends without it. */
  line(): Promise<string>
}

/** Starts the command line. */
export function start(...args: string[]): Started {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  const line = Promise.withResolvers<string>()
  line.promise.catch(() => {})
  child.stdout.on('data', data => {
    stdout += data
    if (stdout.includes('\n')) line.resolve(stdout.split('\n')[0]!)
  })
  child.stderr.on('data', data => {
    stderr += data
  })
  child.once('close', code => line.reject(new Error(`nacre exited with ${code}: ${stderr}`)))
  return { process: child, stdout: () => stdout, stderr: () => stderr, line: () => line.promise }
}

/** Two neighbouring free ports: the operator's, and the chain's after it. */
export async function freePorts(): Promise<number> {
  for (;;) {
    const first = createServer().listen(0, '127.0.0.1')
    await once(first, 'listening')
    const { port } = first.address() as { port: number }
    const second = createServer().listen(port + 1, '127.0.0.1')
    const free = await Promise.race([
      once(second, 'listening').then(() => true),
      once(second, 'error').then(() => false),
    ])
    first.close()
    if (free) second.close()
    if (free && port < 65_000) return port
  }
}

function lastLine(text: string): Record<string, unknown> {
  const line = text.trimEnd().split('\n').at(-1) ?? ''
  return line.startsWith('{') ? JSON.parse(line) : {}
}
