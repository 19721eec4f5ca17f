import { createHash, randomInt } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  enclaveRegistryAbi,
  simulatedVerifierAbi,
  verifierEnclaveAbi,
  verifierEnclaveBytecode,
} from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { type Abi, isAddressEqual, parseTransaction, toFunctionSelector } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type AgentProcess, killAgent, spawnAgent, startAgentProcess } from '../../testing/agentProcess.ts'
import { createWorld, DEPLOYER, type World } from '../../testing/operatorWorld.ts'
import { type Behaviour, honest, type RpcProxy, startRpcProxy } from '../../testing/rpcProxy.ts'
import { type Side, type SqlProxy, startSqlProxy } from '../../testing/sqlProxy.ts'
import type { TransactionRow } from './tables.ts'

/**
 * The agent is killed while it registers its enclave. The enclave ends with it, so that the next one registers its own:
 * what the chain has not of the dead one's is withdrawn, and nothing is paid twice.
 */
const SEED = Number(process.env.NACRE_SEED ?? randomInt(2 ** 31))
const LONG = process.env.NACRE_LONG === '1'

/** Its transactions, in their order, by the first word of their purpose. */
const STEPS = ['certificate', 'register', 'claim'] as const
type Step = (typeof STEPS)[number]
/** What becomes of the step that it was killed at. */
type Fate = 'never stored' | 'withdrawn' | 'mined'
/** `arm` resolves when the agent is there and goes no further. */
type Point = { name: string; step: Step; fate: Fate; arm: () => Promise<void> }

let world: World
let rpc: RpcProxy
let sql: SqlProxy
let verifier: Hex
let next: AgentProcess | undefined
let firstBlock: bigint

beforeAll(async () => {
  world = await createWorld()
  rpc = await startRpcProxy(world.rpcPort)
  sql = await startSqlProxy(world.processes.server.port)
  const wallet = world.walletOf(DEPLOYER)
  const args = [world.deployment.enclaveRegistry, 3, `0x${'01'.repeat(32)}`, wallet.account.address] as const
  const contract = { abi: verifierEnclaveAbi as Abi, bytecode: verifierEnclaveBytecode, args }
  const hash = await wallet.deployContract(contract as never)
  const { contractAddress } = await world.chain.waitForTransactionReceipt({ hash })
  verifier = contractAddress!.toLowerCase() as Hex
  firstBlock = (await world.chain.getBlockNumber()) + 1n
})

afterEach(async () => {
  rpc.behave(honest)
  await world.chain.setAutomine(true)
  await next?.child.stop()
  next = undefined
})

afterAll(async () => {
  rpc?.close()
  sql?.close()
  await world?.close()
})

const points: Point[] = STEPS.flatMap(step => [
  point(step, 'before it is stored', 'never stored', () => sql.hold(stored(step), 'before')),
  point(step, 'after it is stored', 'withdrawn', () => sql.hold(stored(step), 'after')),
  point(step, 'before it is sent', 'withdrawn', () => holdSending(step, 'before')),
  point(step, 'after it is sent', 'mined', () => holdSending(step, 'after')),
  point(step, 'before it is noted as mined', 'mined', () => sql.hold(noted(step), 'before')),
  point(step, 'after it is noted as mined', 'mined', () => sql.hold(noted(step), 'after')),
])

test.each(shuffled(points).slice(0, LONG ? undefined : 7))(
  `kill -9 $name: the next agent registers its own enclave, and pays for no dead one (seed ${SEED})`,
  async ({ step, fate, arm }) => {
    const earlier = (await rows()).length
    const reached = arm()
    const { child } = spawnAgent(world, settings())
    await reached
    const [left] = launches()
    await killAgent({ child })
    rpc.behave(honest)
    next = await startAgentProcess(world, settings())
    expect(left && existsSync(left.folder)).toBe(false)
    expect(launches()).toHaveLength(1)
    await expectFate(step, fate, earlier)
  },
)

test('kill -9 while its registration waits in the pool: a payment of nothing takes its nonce', async () => {
  const earlier = (await rows()).length
  const reached = holdSending('register', 'after', () => world.chain.setAutomine(false))
  const { child } = spawnAgent(world, settings())
  await reached
  await killAgent({ child })
  const gone = withdrawn()
  const starting = startAgentProcess(world, settings())
  await gone
  await world.chain.mine({ blocks: 1 })
  await world.chain.setAutomine(true)
  next = await starting
  await expectFate('register', 'withdrawn', earlier)
})

test('an enclave dies while its registration waits in the pool: it is withdrawn, and another registered', async () => {
  const earlier = (await rows()).length
  const sent = Promise.withResolvers<void>()
  rpc.behave(async (call, forward) => {
    const registers = call.method === 'eth_sendRawTransaction' && stepOf(call.params[0] as Hex) === 'register'
    if (registers) await world.chain.setAutomine(false)
    const answer = await forward()
    if (registers) sent.resolve()
    return answer
  })
  const { child, ready } = spawnAgent(world, settings())
  await sent.promise
  const gone = withdrawn()
  for (const pid of launches()[0]?.processes ?? []) process.kill(Number.parseInt(pid, 10), 'SIGKILL')
  await gone
  await world.chain.mine({ blocks: 1 })
  await world.chain.setAutomine(true)
  next = { child, ...(await ready) }
  await expectFate('register', 'withdrawn', earlier)
})

test('an agent that is to stop while its registration waits in the pool ends in order, and leaves no enclave', async () => {
  const reached = holdSending('register', 'after', () => world.chain.setAutomine(false))
  const { child } = spawnAgent(world, settings())
  await reached
  rpc.behave(honest)
  expect(launches()).toHaveLength(1)
  await child.stop()
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(launches()).toEqual([])
  await world.chain.mine({ blocks: 1 })
})

test(`no transaction was paid for twice, and none reverted (seed ${SEED})`, async () => {
  const paid: string[] = []
  const last = await world.chain.getBlockNumber()
  for (let blockNumber = firstBlock; blockNumber <= last; blockNumber++) {
    const { transactions } = await world.chain.getBlock({ blockNumber, includeTransactions: true })
    for (const { from, to, input, hash } of transactions) {
      if (!isAddressEqual(from, world.operator.address)) continue
      expect((await world.chain.getTransactionReceipt({ hash })).status).toBe('success')
      if (input !== '0x') paid.push(`${to} ${input}`)
    }
  }
  expect(paid.length).toBeGreaterThanOrEqual(3 * STEPS.length)
  expect(new Set(paid).size).toBe(paid.length)
})

function point(step: Step, when: string, fate: Fate, arm: () => Promise<void>): Point {
  return { name: `at the ${step}, ${when}`, step, fate, arm }
}

/** What became of the dead enclave's step; the next one's are all there, once. */
async function expectFate(step: Step, fate: Fate, earlier: number): Promise<void> {
  const all = (await rows()).slice(earlier)
  expect(all.map(({ state, status }) => `${state} ${status}`)).toEqual(all.map(() => 'mined success'))
  const { receiptKey } = next!
  const [own, others] = [true, false].map(mine =>
    all.map(({ purpose }) => purpose).filter(purpose => purpose.includes(receiptKey) === mine),
  ) as [string[], string[]]
  expect(own).toEqual([
    `certificate:${receiptKey}`,
    `register:${receiptKey}`,
    `claim:${receiptKey}:${verifier}`,
  ])
  const row = others.find(purpose => purpose.includes(`${step}:`))
  const found = row === undefined ? 'never stored' : row.startsWith('cancel:') ? 'withdrawn' : 'mined'
  expect(found).toBe(fate)
  if (step !== 'register' || row === undefined) return
  const dead = row.slice(row.lastIndexOf(':') + 1) as Hex
  expect(await isRegistered(dead)).toBe(fate === 'mined')
}

async function isRegistered(receiptKey: Hex): Promise<boolean> {
  const logs = await world.chain.getContractEvents({
    ...{ address: world.deployment.enclaveRegistry, abi: enclaveRegistryAbi, eventName: 'KeyRegistered' },
    ...{ args: { receiptKey }, fromBlock: 0n },
  })
  return logs.length > 0
}

/** Lets everything pass; resolves once the node has a payment of nothing, in the place of a registration. */
function withdrawn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  rpc.behave(async (call, forward) => {
    const answer = await forward()
    const sends = call.method === 'eth_sendRawTransaction'
    if (sends && parseTransaction(call.params[0] as Hex).data === undefined) resolve()
    return answer
  })
  return promise
}

async function rows(): Promise<TransactionRow[]> {
  const { rows } = await world.database
    .query('select * from transactions order by nonce')
    // Before the first agent has made its schema.
    .catch(() => ({ rows: [] }))
  return rows
}

/** What the agent has written down of the enclaves that it runs. */
function launches(): { folder: string; processes: string[] }[] {
  const dir = join(world.config.stateDir, 'enclaves')
  return readdirSync(dir).map(file => JSON.parse(readFileSync(join(dir, file), 'utf8')))
}

function settings(): Record<string, unknown> {
  const databaseUrl = new URL(world.config.databaseUrl)
  databaseUrl.port = String(sql.port)
  return { rpcUrl: rpc.url, databaseUrl: databaseUrl.href, claims: [verifier] }
}

const stored = (step: Step) => new RegExp(`insert into "transactions"[\\s\\S]*${step}:0x`)
const noted = (step: Step) => new RegExp(`update "transactions" set[\\s\\S]*${step}:0x[\\s\\S]*mined`)

/** Whoever sends such a transaction is killed: nobody is answered. */
function holdSending(step: Step, side: Side, first: () => Promise<void> = async () => {}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const holding: Behaviour = async (call, forward) => {
    if (call.method !== 'eth_sendRawTransaction' || stepOf(call.params[0] as Hex) !== step) return forward()
    await first()
    if (side === 'after') await forward()
    resolve()
    return new Promise<never>(() => {})
  }
  rpc.behave(holding)
  return promise
}

const SELECTORS: Record<Step, Hex> = {
  certificate: selectorOf(simulatedVerifierAbi as Abi, 'cacheCertificate'),
  register: selectorOf(enclaveRegistryAbi as Abi, 'register'),
  claim: selectorOf(verifierEnclaveAbi as Abi, 'claimKey'),
}

function selectorOf(abi: Abi, name: string): Hex {
  const found = abi.find(entry => entry.type === 'function' && entry.name === name)
  return toFunctionSelector(found as never)
}

function stepOf(raw: Hex): Step | undefined {
  const { data = '0x' } = parseTransaction(raw)
  return STEPS.find(step => data.startsWith(SELECTORS[step]))
}

function shuffled(items: Point[]): Point[] {
  const rank = ({ name }: Point) => createHash('sha256').update(`${SEED}:${name}`).digest('hex')
  return items.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1))
}
