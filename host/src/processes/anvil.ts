import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { lockState } from './lock.ts'
import { choosePort, packageFolder } from './packages.ts'
import { type Exit, spawnChild, waitReady } from './supervise.ts'

export type AnvilOptions = {
  /** Folder for the chain's state; absent: a chain in memory. */
  dir?: string
  /** 0 or absent: a free one. */
  port?: number
  /** Seconds a block; absent: a block a transaction. */
  blockTime?: number
  /** More arguments of anvil. */
  args?: string[]
  onLog?: (line: string) => void
}

/** A running development chain, number 31337, Osaka rules. */
export type Anvil = {
  rpcUrl: string
  wsUrl: string
  port: number
  pid: number
  exited: Promise<Exit>
  stop(): Promise<void>
}

const START_DEADLINE_MS = 20_000

/**
 * Starts anvil on 127.0.0.1. With `dir` the chain is saved every second and when it stops; kill -9 loses at most
 * what came after the last save. Throws STATE_IN_USE, PORT_IN_USE, BINARY_MISSING, PROCESS_FAILED.
 */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const lock = options.dir === undefined ? undefined : lockState(options.dir)
  try {
    // Any free port is anvil's own choice: one chosen here could be another's until anvil listens.
    const wanted = options.port ? await choosePort(options.port) : 0
    const ready = Promise.withResolvers<number>()
    const child = spawnChild({
      command: join(packageFolder('@foundry-rs/anvil-linux-amd64'), 'bin/anvil'),
      args: argumentsFor(options, wanted),
      onLine: line => {
        options.onLog?.(line)
        const listening = /^Listening on .*:(\d+)$/.exec(line)
        if (listening) ready.resolve(Number(listening[1]))
      },
    })
    await waitReady('anvil', child, ready.promise, START_DEADLINE_MS).catch(async error => {
      await child.stop()
      throw error
    })
    const port = await ready.promise
    return {
      rpcUrl: `http://127.0.0.1:${port}`,
      wsUrl: `ws://127.0.0.1:${port}`,
      port,
      pid: child.pid,
      exited: child.exited,
      stop: () => child.stop().finally(() => lock?.release()),
    }
  } catch (error) {
    lock?.release()
    throw error
  }
}

function argumentsFor({ dir, blockTime, args = [] }: AnvilOptions, port: number): string[] {
  const base = ['--host', '127.0.0.1', '--port', `${port}`, '--chain-id', '31337', '--hardfork', 'osaka']
  const state = dir === undefined ? [] : stateArguments(join(dir, 'chain.json'))
  const blocks = blockTime === undefined ? [] : ['--block-time', `${blockTime}`]
  return [...base, ...state, ...blocks, ...args]
}

function stateArguments(file: string): string[] {
  mkdirSync(dirname(file), { recursive: true })
  return ['--state', file, '--state-interval', '1']
}
