import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket, connect as tcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestClient, createWalletClient, type Hex, http, numberToHex, publicActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { startRpcProxy } from '../../testing/rpcProxy.ts'
import { connect, type Database } from '../database/connect.ts'
import { sql } from '../database/drizzle.ts'
import { temporaryPostgres } from '../database/testing.ts'
import { type Anvil, startAnvil } from '../processes/anvil.ts'
import type { Postgres } from '../processes/postgres.ts'
import { checkChain, createClient } from './client.ts'
import type { Origin } from './cursor.ts'
import { createNodes } from './nodes.ts'
import { createWatcher, type Watcher, type WatcherOptions } from './watcher.ts'

/** Emits one event whose only topic is the first word of the calldata. */
const EMITTER: Hex = '0x00000000000000000000000000000000000000ee'
const CODE = '0x60003560006000a100'
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const EVENTS = 'create table events (topic text not null, number bigint not null);'

let server: Postgres
let anvil: Anvil
let database: Database
let origin: Origin
let migrations: string
let stores = 0
const aborts: AbortController[] = []

beforeAll(async () => {
  server = await temporaryPostgres()
  migrations = mkdtempSync(join(tmpdir(), 'nacre-watcher-'))
  const operator = join(import.meta.dirname, '../operator/migrations/0001_operator.sql')
  writeFileSync(join(migrations, '0001.sql'), `${readFileSync(operator, 'utf8')}\n${EVENTS}`)
})

beforeEach(async () => {
  anvil = await startAnvil()
  await chain().setCode({ address: EMITTER, bytecode: CODE })
  const genesis = await chain().getBlock({ blockNumber: 0n })
  origin = { chainId: 31_337, genesisHash: genesis.hash, relay: EMITTER, fromBlock: 1n }
  database = await connect({ databaseUrl: server.databaseUrl, schema: `watcher${stores++}`, migrations })
})

afterEach(async () => {
  for (const abort of aborts.splice(0)) abort.abort()
  await database.close()
  await anvil.stop()
})

afterAll(() => server.stop())

const chain = () => createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).extend(publicActions)

function watcher(options: Partial<WatcherOptions> = {}): Watcher {
  const abort = new AbortController()
  aborts.push(abort)
  return createWatcher({
    nodes: createNodes({ rpcUrl: anvil.rpcUrl }),
    obliges: () => true,
    database,
    origin,
    addresses: [EMITTER],
    signal: abort.signal,
    apply: async (queries, logs) => {
      for (const log of logs) {
        await queries.execute(
          sql`insert into events values (${log.topics[0]}, ${log.blockNumber.toString()})`,
        )
      }
    },
    rewind: async (queries, ancestor) => {
      await queries.execute(sql`delete from events where number > ${ancestor.toString()}`)
    },
    ...options,
  })
}

async function emit(...numbers: number[]): Promise<void> {
  const wallet = createWalletClient({ account, chain: anvilChain, transport: http(anvil.rpcUrl) })
  for (const number of numbers) {
    const hash = await wallet.sendTransaction({
      to: EMITTER,
      data: numberToHex(number, { size: 32 }),
      gas: 60_000n,
    })
    await chain().waitForTransactionReceipt({ hash, pollingInterval: 10 })
  }
}

async function stored(): Promise<number[]> {
  const { rows } = await database.queries.execute(sql`select topic from events order by number`)
  return rows.map(row => Number(row.topic))
}

async function cursor(): Promise<unknown> {
  const { rows } = await database.queries.execute(sql`select hash from cursor`)
  return rows[0]?.hash
}

test('events that a node shows later than their block are asked for again', async () => {
  const proxy = await startRpcProxy(anvil.port)
  try {
    let asked = 0
    proxy.behave(async ({ method, params }, forward) => {
      if (method !== 'eth_getLogs') return forward()
      const byHash = 'blockHash' in (params[0] as object)
      asked += byHash ? 1 : 0
      return byHash ? forward() : { result: [] }
    })
    await emit(1, 2)
    await chain().mine({ blocks: 3 })
    await watcher({ nodes: createNodes({ rpcUrl: proxy.url }) }).sync()
    expect(await stored()).toEqual([1, 2])
    // Blocks without events say so in their headers: they are not asked for.
    expect(asked).toBe(2)
  } finally {
    proxy.close()
  }
})

test('every event is stored once, in ranges, and a restart goes on where it stopped', async () => {
  await emit(1, 2, 3)
  await watcher({ range: 1 }).sync()
  await emit(4, 5)
  const restarted = watcher()
  await Promise.all([restarted.sync(), restarted.sync(), restarted.sync()])
  expect(await stored()).toEqual([1, 2, 3, 4, 5])
  expect(await cursor()).toBe((await chain().getBlock()).hash)
})

test.each([1, 2, 3, 4, 5])('a reorganisation %i deep: dropped events go, new ones come', async depth => {
  await emit(1, 2)
  const snapshot = await chain().snapshot()
  await emit(...Array.from({ length: depth }, (_, index) => 10 + index))
  await watcher().sync()
  expect(await stored()).toHaveLength(2 + depth)
  await chain().revert({ id: snapshot })
  await chain().increaseTime({ seconds: 7 })
  await emit(...Array.from({ length: depth + 1 }, (_, index) => 20 + index))
  await watcher().sync()
  expect(await stored()).toEqual([1, 2, ...Array.from({ length: depth + 1 }, (_, index) => 20 + index)])
})

test('blocks replaced in place (anvil_reorg) are noticed at the same height', async () => {
  await emit(1, 2, 3, 4)
  const follow = watcher()
  await follow.sync()
  await chain().request({ method: 'anvil_reorg', params: [2, []] } as never)
  await follow.sync()
  expect(await stored()).toEqual([1, 2])
  expect(await cursor()).toBe((await chain().getBlock()).hash)
})

test('a chain shorter than the cursor is a reorganisation', async () => {
  await emit(1)
  const snapshot = await chain().snapshot()
  await emit(2, 3, 4)
  await watcher().sync()
  await chain().revert({ id: snapshot })
  await watcher().sync()
  expect(await stored()).toEqual([1])
})

test('a reorganisation deeper than what is kept reads everything again', async () => {
  await emit(1)
  const snapshot = await chain().snapshot()
  await emit(2, 3, 4, 5)
  await watcher({ keep: 2 }).sync()
  await chain().revert({ id: snapshot })
  await chain().increaseTime({ seconds: 9 })
  await emit(6, 7, 8, 9, 10)
  await watcher({ keep: 2 }).sync()
  expect(await stored()).toEqual([1, 6, 7, 8, 9, 10])
})

test('an apply that fails moves nothing', async () => {
  await emit(1)
  const failing = watcher({ apply: () => Promise.reject(new Error('stop')) })
  await expect(failing.sync()).rejects.toThrow('stop')
  await watcher().sync()
  expect(await stored()).toEqual([1])
})

test('another chain or another relay under the same store is refused', async () => {
  await watcher().sync()
  const genesisHash: Hex = `0x${'11'.repeat(32)}`
  await expect(watcher({ origin: { ...origin, genesisHash } }).sync()).rejects.toMatchObject({
    code: 'GENESIS_MISMATCH',
  })
  const relay: Hex = '0x00000000000000000000000000000000000000ef'
  await expect(watcher({ origin: { ...origin, relay } }).sync()).rejects.toMatchObject({
    code: 'DEPLOYMENT_MISMATCH',
  })
  const client = createClient(anvil.rpcUrl)
  await expect(checkChain(client, { ...origin, genesisHash })).rejects.toMatchObject({
    code: 'GENESIS_MISMATCH',
  })
  await expect(checkChain(client, { ...origin, relay })).rejects.toMatchObject({
    code: 'DEPLOYMENT_MISMATCH',
  })
  await checkChain(client, origin)
})

test('blocks are heard of by websocket, also after the connection was cut', async () => {
  const proxy = await cuttable(anvil.port)
  const heard = listener()
  void watcher({
    wsUrl: `ws://127.0.0.1:${proxy.port}`,
    pollMs: 600_000,
    onSynced: heard.synced,
    onConnection: heard.state,
  }).run()
  await heard.connected()
  await emit(1)
  await heard.block(1n)
  proxy.cut()
  await emit(2)
  await heard.connected()
  await emit(3)
  await heard.block(3n)
  expect(await stored()).toEqual([1, 2, 3])
  proxy.close()
})

test('without a websocket, polling finds every block; a provider that was away is read again', async () => {
  const proxy = await cuttable(anvil.port)
  const heard = listener()
  const retried = Promise.withResolvers<unknown>()
  void watcher({
    nodes: createNodes({ rpcUrl: `http://127.0.0.1:${proxy.port}` }),
    wsUrl: 'ws://127.0.0.1:1',
    pollMs: 20,
    onSynced: heard.synced,
    onRetry: retried.resolve,
  }).run()
  await heard.block(0n)
  proxy.refuse(true)
  expect(await retried.promise).toMatchObject({ code: 'CHAIN_UNAVAILABLE' })
  await emit(1)
  proxy.refuse(false)
  await heard.block(1n)
  expect(await stored()).toEqual([1])
  proxy.close()
})

test('while a provider is away, it is tried by one pass and the one after it, however many polls there were', async () => {
  const proxy = await cuttable(anvil.port)
  const heard = listener()
  const failures: unknown[] = []
  const enough = Promise.withResolvers<void>()
  void watcher({
    nodes: createNodes({ rpcUrl: `http://127.0.0.1:${proxy.port}` }),
    pollMs: 5,
    onSynced: heard.synced,
    onRetry: error => void (failures.push(error) > 10 && enough.resolve()),
  }).run()
  await heard.block(0n)
  proxy.refuse(true, 50)
  await enough.promise
  for (const error of failures) expect(failures.filter(other => other === error).length).toBeLessThan(3)
  proxy.refuse(false)
  await emit(1)
  await heard.block(1n)
  proxy.close()
})

/** A TCP proxy whose connections can be cut. */
async function cuttable(target: number) {
  const sockets = new Set<Socket>()
  /** After so many milliseconds. */
  let refusing: number | undefined
  const proxy = createServer(client => {
    if (refusing !== undefined) return void setTimeout(() => client.destroy(), refusing)
    const upstream = tcp(target, '127.0.0.1')
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as { port: number }
  const refuse = (value: boolean, afterMs = 0) => {
    refusing = value ? afterMs : undefined
    cut()
  }
  return { port, cut, refuse, close: () => [cut(), proxy.close()] }
}

/** Turns the watcher's callbacks into things to wait for. */
function listener() {
  const waiting = new Set<() => void>()
  let head = -1n
  let connections = 0
  let awaited = 0
  const changed = () => {
    for (const check of waiting) check()
  }
  const until = (condition: () => boolean) =>
    new Promise<void>(resolve => {
      const check = () => {
        if (condition()) resolve(void waiting.delete(check))
      }
      waiting.add(check)
      check()
    })
  return {
    synced: ({ number }: { number: bigint }) => {
      head = number
      changed()
    },
    state: (connected: boolean) => {
      if (connected) connections++
      changed()
    },
    block: (number: bigint) => until(() => head >= number),
    connected: () => {
      const wanted = ++awaited
      return until(() => connections >= wanted)
    },
  }
}
