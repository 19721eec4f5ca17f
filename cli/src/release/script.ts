import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { CliError } from '../errors.ts'
import { REPOSITORY } from '../paths.ts'

export type ScriptOptions = {
  script: string
  args: string[]
  /** Where it may keep what is temporary. */
  scratch: string
  signal: AbortSignal
  onProgress: (line: string) => void
}

/** What is told of a failure: the last lines that it said. */
const KEPT = 20
const KILL_MS = 5_000

/**
 * Runs a build in a process of its own, for the command line loads nothing of an enclave's sources. Its standard error
 * is what it does, line by line; the last line of its standard output is its result.
 * @throws CliError child-failed, interrupted
 */
export async function runScript(options: ScriptOptions): Promise<string> {
  const { script, args, scratch, signal, onProgress } = options
  const child = spawn(process.execPath, [script, ...args], {
    cwd: REPOSITORY,
    env: { ...process.env, TMPDIR: scratch },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    child.kill('SIGTERM')
    timer = setTimeout(() => child.kill('SIGKILL'), KILL_MS)
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const said: string[] = []
  const results: string[] = []
  const reading = [
    eachLine(child.stderr, line => {
      said.push(line)
      if (said.length > KEPT) said.shift()
      onProgress(line)
    }),
    eachLine(child.stdout, line => void results.splice(0, 1, line)),
  ]
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    await Promise.all(reading)
    if (signal.aborted) throw stopped()
    if (code !== 0) throw failed(script, said.join('\n') || `it ended with ${code}`)
    return results[0] ?? ''
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

async function eachLine(stream: Readable, take: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream })) take(line)
}

function stopped(): CliError {
  return new CliError('interrupted', {
    what: 'stopped by a signal',
    why: 'the build was not finished, and nothing of it is left',
    fix: 'run the same command again',
  })
}

function failed(script: string, why: string): CliError {
  return new CliError('child-failed', {
    what: `${script} did not build the image`,
    why,
    fix: 'mend what its last lines name; npm ci installs what it needs',
  })
}
