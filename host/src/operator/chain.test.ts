import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { enclaveRegistryAbi, relayAbi } from '@nacre/contracts'
import { type Hex, parseBundle, releaseId } from '@nacre/verify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { encodeErrorResult, zeroAddress } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  ARTIFACT,
  createWorld,
  DEPLOYER,
  eventually,
  INPUT,
  idOf,
  type World,
} from '../../testing/operatorWorld.ts'
import { reorganise, untilQuiet } from '../../testing/reorganise.ts'
import { startRpcProxy } from '../../testing/rpcProxy.ts'
import { createMinedBy } from '../chain/minedBy.ts'
import { createNextTime } from '../chain/nextTime.ts'
import { createNodes } from '../chain/nodes.ts'
import { parseConfig } from '../common/config.ts'
import { FatalError } from '../common/errors.ts'
import { createShutdown, type Shutdown } from '../common/shutdown.ts'
import { connect } from '../database/connect.ts'
import { startAnvil } from '../processes/anvil.ts'
import { startPostgres } from '../processes/postgres.ts'
import { operatorConfig } from './config.ts'
import { createInputs } from './inputs.ts'
import { applyEvents, findRequest } from './requests.ts'
import { createSlots } from './slots.ts'
import { type Operator, startOperator } from './start.ts'
import { type RequestRow, requestsTable } from './tables.ts'
import { createTransactions } from './transactions.ts'
import { createWorker } from './worker.ts'

type Agent = Operator & { shutdown: Shutdown }

/** Above what a transaction signed at the usual base fee offers. */
const DEAR = 50n * 10n ** 9n

let world: World
let agent: Agent
const lines: string[] = []

beforeAll(async () => {
  world = await createWorld()
  agent = await startAgent()
})

afterEach(() => world.chain.setAutomine(true))

afterAll(async () => {
  await agent?.shutdown.close()
  await world?.close()
})

/** An agent in this process. It replaces nothing unless told: how far fees rise would be a matter of time. */
async function startAgent(changes: Record<string, unknown> = {}): Promise<Agent> {
  const logger = pino({ level: 'debug' }, { write: line => void lines.push(line) })
  const shutdown = createShutdown({ logger })
  const settings = { ...world.config, pollMs: 100, replaceAfterMs: 600_000, ...changes }
  const config = parseConfig(operatorConfig, JSON.parse(JSON.stringify(settings)), 'test')
  const operator = await startOperator({ config, logger, shutdown, metrics: new Registry() })
  operator.failed.catch(() => {})
  return { ...operator, shutdown }
}

/** All that the relay holds is what it owes: nothing was lost or paid twice. */
async function expectConserved(): Promise<void> {
  const relay = { address: world.deployment.relay, abi: relayAbi } as const
  const held = await world.chain.getBalance({ address: relay.address })
  const accounts = [world.operator.address, world.walletOf(DEPLOYER).account.address] as const
  const owed = await Promise.all(
    accounts.map(account =>
      world.chain.readContract({ ...relay, functionName: 'balanceOf', args: [account, zeroAddress] }),
    ),
  )
  const open = await world.chain.readContract({ ...relay, functionName: 'coveredRequests' })
  expect(open).toBe(0n)
  expect(owed.reduce((sum, one) => sum + one, 0n)).toBe(held)
}

/** The request as the agent has it, once it is answered; exactly one answer is on chain. */
async function fulfilledOnce(id: Hex): Promise<Record<string, string>> {
  const fulfilled = await world.untilFulfilled(id)
  const row = await world.untilState(id, 'fulfilled')
  expect(idOf(parseBundle(row.bundle))).toBe(fulfilled.receiptId)
  expect(await world.fulfilments(id)).toHaveLength(1)
  return row
}

/** Empty blocks in the place of this one and of all after it. */
async function drop(block: bigint): Promise<void> {
  await untilQuiet(world.chain)
  const depth = Number((await world.chain.getBlockNumber()) - block) + 1
  await reorganise(world.chain, depth, [])
}

test('a fulfilment in a block that the chain drops is mined again, once', async () => {
  const id = await world.ask()
  await fulfilledOnce(id)
  const [fulfilled] = await world.fulfilments(id)
  await drop(fulfilled!.blockNumber)
  await world.chain.mine({ blocks: 1 })
  await fulfilledOnce(id)
  await expectConserved()
})

test('a request that the chain drops is orphaned; asked again with the same id, it is answered for its new block', async () => {
  const id = await world.ask()
  const { block_number } = await fulfilledOnce(id)
  await world.chain.mine({ blocks: 1 })
  await drop(BigInt(block_number!))
  await world.untilState(id, 'orphaned')
  const again = await world.ask({ maxEvidenceAge: 86_399 })
  expect(again).toBe(id)
  await fulfilledOnce(again)
  const { rows } = await world.database.query('select state from requests where id = $1 order by state', [id])
  expect(rows).toEqual([{ state: 'fulfilled' }, { state: 'orphaned' }])
  await expectConserved()
})

test('an answer whose gas became too dear is declined in its place when half of the time has passed, and answered later', async () => {
  const { timestamp, baseFeePerGas: cheap } = await world.chain.getBlock()
  const maxGasPrice = cheap! * 2n
  const id = await asked({ maxGasPrice, deadline: timestamp + 1_000n })
  await world.untilState(id, 'submitted')
  await mineAt(maxGasPrice + DEAR)
  await world.chain.mine({ blocks: 1 })
  expect(await declined(id)).toEqual([])
  await mineAt(maxGasPrice + DEAR, timestamp + 600n)
  await eventually(async () => {
    await mineAt(maxGasPrice + DEAR)
    return (await declined(id)).length > 0 ? true : undefined
  })
  expect(await world.fulfilments(id)).toEqual([])
  await eventually(async () => {
    await mineAt(cheap!)
    return (await world.fulfilments(id)).length > 0 ? true : undefined
  })
  await fulfilledOnce(id)
  expect(await declined(id)).toHaveLength(1)
  await expectConserved()
})

/** A worker of its own schema, beside no agent, with an enclave that cannot answer: what it was asked, and the request. */
async function unable(
  id: Hex,
  settings: { schema: string; rpcUrl: string; stored: Partial<typeof requestsTable.$inferInsert> },
): Promise<{ jobs: number; row: RequestRow }> {
  const { databaseUrl, deployment, release } = world.config
  const nodes = createNodes({ rpcUrl: settings.rpcUrl })
  const migrations = join(import.meta.dirname, 'migrations')
  const database = await connect({ databaseUrl, schema: settings.schema, migrations })
  const shutdown = createShutdown({ logger: pino({ level: 'silent' }) })
  const { client } = world
  const block = await client.getBlock()
  const logs = await client.getLogs({ address: deployment.relay, fromBlock: block.number })
  const operator = world.operator.address
  await database.transaction(queries => applyEvents(queries, logs, operator))
  await database.queries.update(requestsTable).set(settings.stored)
  let jobs = 0
  const common = { logger: pino({ level: 'silent' }), shutdown }
  const worker = createWorker({
    common,
    inputs: createInputs({ common, database, maxBytes: 1, allowPrivate: false, onDone: () => {} }),
    acceptInputs: false,
    onKeyRefused: () => {},
    nodes,
    database,
    transactions: createTransactions({
      nodes,
      account: world.operator,
      chainId: deployment.chainId,
      database,
    }),
    profile: {
      operator,
      served: {
        releaseId: releaseId(release.publisher, release.manifestHash),
        publisher: release.publisher,
        assurance: 'simulated',
        artifacts: new Set([ARTIFACT]),
      },
      proves: new Set(),
      relay: deployment.relay,
      windowS: 3,
      fallbackStepS: 2,
    },
    slots: createSlots(nodes, deployment.operators),
    nextTime: createNextTime(nodes.client),
    minedBy: createMinedBy(nodes.client),
    enclave: () => ({
      identity: {} as never,
      config: {} as never,
      answer: async () => {
        jobs += 1
        throw new FatalError('BAD_REQUEST', 'engine-stopped: the engine took longer than 20000 ms')
      },
    }),
  })
  try {
    const { number, hash, timestamp, baseFeePerGas } = block
    worker.wake({ number, hash, timestamp, baseFee: baseFeePerGas! })
    const row = await eventually(async () => {
      const [found] = await findRequest(database.queries, id)
      return found?.state === 'skipped' ? found : undefined
    })
    return { jobs, row }
  } finally {
    await worker.close()
    await database.close()
  }
}

test('a request that the enclave cannot answer is skipped at once, and answered by one that can', async () => {
  await agent.shutdown.close()
  const id = await world.ask()
  const { rpcUrl } = world.config
  const { jobs, row } = await unable(id, { schema: 'unable', rpcUrl, stored: { state: 'seen' } })
  expect(row.reason).toBe('enclave-bad-request')
  expect(jobs).toBe(1)
  // For the gap that comes below: it is filled when what follows it is stuck.
  agent = await startAgent({ replaceAfterMs: 500 })
  await fulfilledOnce(id)
  await expectConserved()
})

test('an answer whose key the chain refuses is made anew at once, not with the next block', async () => {
  await agent.shutdown.close()
  const node = await startRpcProxy(world.rpcPort)
  const data = encodeErrorResult({ abi: enclaveRegistryAbi, errorName: 'ExpiredKey', args: [zeroAddress, 0] })
  const refused = { error: { code: 3, message: 'execution reverted', data } }
  node.behave(async ({ method }, forward) => (method === 'eth_estimateGas' ? refused : forward()))
  const sql = "select bundle, receipt_key from requests where state = 'fulfilled' limit 1"
  const [{ bundle, receipt_key: receiptKey }] = (await world.database.query(sql)).rows
  const id = await world.ask()
  const stored = { state: 'answered' as const, bundle, receiptKey }
  try {
    const { jobs, row } = await unable(id, { schema: 'refused', rpcUrl: node.url, stored })
    expect(row.reason).toBe('enclave-bad-request')
    expect(jobs).toBe(1)
  } finally {
    node.close()
  }
  agent = await startAgent({ replaceAfterMs: 500 })
  await fulfilledOnce(id)
  await expectConserved()
})

test('PostgreSQL is killed and comes back: the same agent goes on', async () => {
  const { port, pid, exited } = world.processes.server
  process.kill(pid, 'SIGKILL')
  await exited
  await world.processes.server.stop()
  world.processes.server = await startPostgres({ dir: join(world.dir, 'postgres'), port })
  await fulfilledOnce(await world.ask())
})

test('anvil is killed and starts from an older state: the agent answers on the shorter chain', async () => {
  const { anvil } = world.processes
  const file = join(world.dir, 'chain', 'chain.json')
  const saved = join(world.dir, 'older.json')
  await anvil.stop()
  cpSync(file, saved)
  const args = { dir: join(world.dir, 'chain'), port: anvil.port }
  world.processes.anvil = await startAnvil(args)
  // Another program uses the account, and the chain forgets it: a gap before what the agent sent.
  const wallet = world.walletOf(world.operatorKey)
  await world.mined(await wallet.sendTransaction({ to: wallet.account.address, value: 0n }))
  const lost = await world.ask()
  await fulfilledOnce(lost)
  process.kill(world.processes.anvil.pid, 'SIGKILL')
  await world.processes.anvil.exited
  await world.processes.anvil.stop()
  rmSync(file)
  cpSync(saved, file)
  world.processes.anvil = await startAnvil(args)
  await world.chain.mine({ blocks: 1 })
  await world.untilState(lost, 'orphaned')
  await fulfilledOnce(await world.ask({ maxEvidenceAge: 86_398 }))
  await expectConserved()
})

test('an answer that is never mined ends with the deadline, and its nonce does nothing', async () => {
  await agent.shutdown.close()
  agent = await startAgent()
  const { timestamp, baseFeePerGas: cheap } = await world.chain.getBlock()
  const id = await asked({ deadline: timestamp + 60n })
  await world.untilState(id, 'submitted')
  await mineAt(cheap! + DEAR, timestamp + 61n)
  expect(await world.untilState(id, 'skipped')).toMatchObject({ reason: 'deadline-passed', nonce: null })
  await world.chain.setAutomine(true)
  await eventually(async () => {
    await world.chain.mine({ blocks: 1 })
    return (await pendingRows()) === 0 ? true : undefined
  })
  expect(await world.fulfilments(id)).toEqual([])
  const { rows } = await world.database.query('select status from transactions where purpose = $1', [
    `cancel:${id}`,
  ])
  expect(rows).toEqual([{ status: 'success' }])
  await fulfilledOnce(await world.ask())
})

test('a request that was always too dear is declined after a restart; ageing evidence is renewed; logs hold no secrets', async () => {
  const before = agent.receiptKey
  await agent.shutdown.close()
  const { timestamp, baseFeePerGas: cheap } = await world.chain.getBlock()
  const maxGasPrice = cheap! * 2n
  const dear = await world.ask({ maxGasPrice, deadline: timestamp + 1_000n })
  await mineAt(maxGasPrice + DEAR, timestamp + 600n)
  agent = await startAgent({ refreshAfterS: 2 })
  expect(agent.receiptKey).not.toBe(before)
  await eventually(async () => ((await declined(dear)).length > 0 ? true : undefined))
  await eventually(async () => {
    const { receiptKey } = (await (await fetch(`${agent.url}/health`)).json()) as { receiptKey: Hex }
    return receiptKey !== agent.receiptKey ? true : undefined
  })
  await mineAt(cheap!)
  await fulfilledOnce(dear)
  const { output } = parseBundle((await world.untilState(dear, 'fulfilled')).bundle)
  const log = lines.join('')
  expect(log).toContain('answered')
  for (const secret of [INPUT, output, world.operatorKey]) expect(log.includes(secret.slice(2))).toBe(false)
})

/** Asked with mining by hand from then on. */
async function asked(params: Parameters<World['ask']>[0]): Promise<Hex> {
  const { address } = world.walletOf(DEPLOYER).account
  await world.chain.setAutomine(false)
  const mined = await world.chain.getTransactionCount({ address })
  const asking = world.ask(params)
  await eventually(async () => {
    const sent = await world.chain.getTransactionCount({ address, blockTag: 'pending' })
    return sent > mined ? true : undefined
  })
  await world.chain.mine({ blocks: 1 })
  return asking
}

/** A block with this base fee, and at this time. */
async function mineAt(baseFeePerGas: bigint, timestamp?: bigint): Promise<void> {
  await world.chain.setNextBlockBaseFeePerGas({ baseFeePerGas })
  if (timestamp !== undefined) await world.chain.setNextBlockTimestamp({ timestamp })
  await world.chain.mine({ blocks: 1 })
}

async function pendingRows(): Promise<number> {
  const { rows } = await world.database.query(`select nonce from transactions where state = 'pending'`)
  return rows.length
}

async function declined(id: Hex) {
  return world.chain.getContractEvents({
    address: world.deployment.relay,
    abi: relayAbi,
    eventName: 'Declined',
    args: { id },
    fromBlock: 0n,
    strict: true,
  })
}
