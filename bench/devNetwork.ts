import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { REPOSITORY } from '../cli/src/paths.ts'
import { freePorts } from '../host/testing/ports.ts'

/** A signal came; everything has been stopped. */
export class Interrupted extends Error {}

/**
 * Runs `work` beside a development network of its own, SIMULATED, in a temporary folder. Stops the network afterwards,
 * whatever comes of the work: also when the network ends by itself, and when a signal comes. With `keep` the folder
 * stays, with the logs of the operators.
 * @throws Interrupted, and what `work` throws
 */
export async function withNetwork<T>(
  { operators, keep = false }: { operators: number; keep?: boolean },
  work: (state: string) => Promise<T>,
): Promise<T> {
  const state = mkdtempSync(join(tmpdir(), 'nacre-bench-'))
  const end = Promise.withResolvers<never>()
  end.promise.catch(() => {})
  const onSignal = (): void => end.reject(new Interrupted())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  const dev = await start(state, operators)
  void dev.closed.then(() => end.reject(new Error(`nacre dev ended:\n${dev.log.join('\n')}`)))
  try {
    await Promise.race([dev.ready, end.promise])
    return await Promise.race([work(state), end.promise])
  } finally {
    dev.stop()
    await dev.closed
    if (keep) console.error(`the network's folder is kept: ${state}`)
    else rmSync(state, { recursive: true, force: true })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
  }
}

async function start(state: string, operators: number) {
  const port = await freePorts(operators + 4)
  const args = ['cli/src/main.ts', 'dev', '--json', '--operators', `${operators}`, '--state', state]
  const child = spawn(process.execPath, [...args, '--port', `${port}`], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: string[] = []
  createInterface({ input: child.stderr }).on('line', line => log.push(line))
  const ready = Promise.withResolvers<void>()
  // When it cannot start it says that on the same stream, and ends.
  createInterface({ input: child.stdout }).on(
    'line',
    line => 'ready_ms' in JSON.parse(line) && ready.resolve(),
  )
  return {
    log,
    closed: once(child, 'close'),
    ready: ready.promise,
    stop: () => child.kill('SIGTERM'),
  }
}
