import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from '@nacre/verify'
import { type Child, spawnChild, waitReady } from '../src/processes/supervise.ts'
import type { ChainWorld } from './chainWorld.ts'

/** A running agent. */
export type AgentProcess = { child: Child; url: string; receiptKey: Hex }

let started = 0

type StartOptions = { nodeArgs?: string[]; onLine?: (line: string) => void }
type Ready = Omit<AgentProcess, 'child'>

/** Starts the agent as a process of its own, ready to be killed; `nodeArgs` come before its program, `onLine` hears it. */
export async function startAgentProcess(
  world: Pick<ChainWorld, 'dir' | 'config'>,
  changes: Record<string, unknown> = {},
  options: StartOptions = {},
): Promise<AgentProcess> {
  const { child, ready } = spawnAgent(world, changes, options)
  await waitReady('the agent', child, ready, 120_000).catch(error =>
    child.stop().then(() => Promise.reject(error)),
  )
  return { child, ...(await ready) }
}

/** The same, without waiting until it serves, which it may never do. */
export function spawnAgent(
  world: Pick<ChainWorld, 'dir' | 'config'>,
  changes: Record<string, unknown> = {},
  { nodeArgs = [], onLine }: StartOptions = {},
): { child: Child; ready: Promise<Ready> } {
  const file = join(world.dir, `agent${started++}.json`)
  writeFileSync(file, JSON.stringify({ ...world.config, ...changes }))
  const { promise, resolve } = Promise.withResolvers<Ready>()
  const child = spawnChild({
    command: process.execPath,
    args: [...nodeArgs, join(import.meta.dirname, '../src/operator/main.ts'), '--config', file],
    onLine: line => {
      onLine?.(line)
      if (line.startsWith('{"event":"ready"')) resolve(JSON.parse(line))
    },
  })
  return { child, ready: promise }
}

/** kill -9, and waits until it is gone. */
export async function killAgent({ child }: Pick<AgentProcess, 'child'>): Promise<void> {
  process.kill(child.pid, 'SIGKILL')
  await child.exited
}
