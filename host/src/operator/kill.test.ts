import { createHash, randomInt } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { relayAbi } from '@nacre/contracts'
import { type Hex, parseBundle } from '@nacre/verify'
import { decodeFunctionData, isAddressEqual, parseTransaction } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type AgentProcess, killAgent, startAgentProcess } from '../../testing/agentProcess.ts'
import { expectBalances } from '../../testing/balances.ts'
import { createWorld, idOf, type World } from '../../testing/operatorWorld.ts'
import { type Behaviour, type Call, type RpcProxy, startRpcProxy } from '../../testing/rpcProxy.ts'
import { type Side, type SqlProxy, startSqlProxy } from '../../testing/sqlProxy.ts'

/** Chooses the order of the kills, and which of the reads they are at. NACRE_SEED=N repeats a run. */
const SEED = Number(process.env.NACRE_SEED ?? randomInt(2 ** 31))
const LONG = process.env.NACRE_LONG === '1'

/** Where the agent is killed: `arm` resolves when it is there and goes no further. */
type Point = { name: string; arm: () => Promise<void> }

let world: World
let rpc: RpcProxy
let sql: SqlProxy
let agent: AgentProcess
const sent: Hex[] = []
const unstored: Hex[] = []

beforeAll(async () => {
  world = await createWorld()
  rpc = await startRpcProxy(world.rpcPort)
  sql = await startSqlProxy(world.processes.server.port)
  rpc.behave(watching)
  agent = await start()
})

afterEach(() => rpc.behave(watching))

afterAll(async () => {
  await agent?.child.stop()
  rpc?.close()
  sql?.close()
  await world?.close()
})

const WRITES: Record<string, RegExp> = {
  'the request': /insert into "requests"/,
  'the answer': /update "requests" set[\s\S]*answered/,
  'nonce and signed transaction': /insert into "attempts"/,
  'what was mined': /update "transactions" set[\s\S]*mined/,
  'the end': /update "requests" set[\s\S]*fulfilled/,
}
/** Of every request; fees are not among them: what was asked for the registration a second ago is used again. */
const READS = [
  'eth_getBlockByNumber',
  'eth_getLogs',
  'eth_call',
  'eth_estimateGas',
  'eth_getTransactionCount',
  'eth_getTransactionReceipt',
]
const SIDES: Side[] = ['before', 'after']

const writes = Object.entries(WRITES).flatMap(([what, pattern]) =>
  SIDES.map(side => ({ name: `${side} ${what} is stored`, arm: () => sql.hold(pattern, side) })),
)
const calls = (methods: string[]) =>
  methods.flatMap(method =>
    SIDES.map(side => ({ name: `${side} ${method}`, arm: () => holdCall(method, side) })),
  )
const points: Point[] = [
  ...writes,
  ...calls(['eth_sendRawTransaction']),
  { name: 'while the enclave answers', arm: holdEnclave },
  ...shuffled(calls(READS)).slice(0, LONG ? undefined : 2),
]

test.each(shuffled(points))(
  `kill -9 $name: answered once after a restart (seed ${SEED})`,
  async ({ arm }) => {
    const reached = arm()
    const id = await world.ask()
    await reached
    const [left] = launches()
    await killAgent(agent)
    rpc.behave(watching)
    const { rows } = await world.database.query('select bundle from requests where id = $1', [id])
    const stored = rows[0]?.bundle ? idOf(parseBundle(rows[0].bundle)) : undefined
    agent = await start()
    expect(left && existsSync(left.folder)).toBe(false)
    expect(launches()).toHaveLength(1)
    const { receiptId } = await world.untilFulfilled(id)
    const row = await world.untilState(id, 'fulfilled')
    expect(idOf(parseBundle(row.bundle))).toBe(receiptId)
    if (stored) expect(receiptId).toBe(stored)
    expect(await world.fulfilments(id)).toHaveLength(1)
  },
)

test(`nothing was sent before it was stored, no request has two receipts, no wei is lost (seed ${SEED})`, async () => {
  expect(unstored).toEqual([])
  const receipts = new Map<Hex, Set<string>>()
  for (const { requestId, ...receipt } of sent.map(receiptOf).filter(one => one !== undefined)) {
    const known = receipts.get(requestId) ?? new Set()
    receipts.set(requestId, known.add(JSON.stringify(receipt, (_, value) => String(value))))
  }
  expect(receipts.size).toBe(points.length)
  expect([...receipts.values()].filter(({ size }) => size !== 1)).toEqual([])
  await expectBalances(world)
})

/** What the agent has written down of the enclaves that it runs. */
function launches(): { folder: string }[] {
  const dir = join(world.config.stateDir, 'enclaves')
  return readdirSync(dir).map(file => JSON.parse(readFileSync(join(dir, file), 'utf8')))
}

function start(): Promise<AgentProcess> {
  const databaseUrl = new URL(world.config.databaseUrl)
  databaseUrl.port = String(sql.port)
  return startAgentProcess(world, { rpcUrl: rpc.url, databaseUrl: databaseUrl.href })
}

/** Lets everything pass, and notes what is sent and whether it was stored. */
async function watching(call: Call, forward: Parameters<Behaviour>[1]) {
  if (call.method === 'eth_sendRawTransaction') {
    const [raw] = call.params as [Hex]
    sent.push(raw)
    const { rows } = await world.database.query('select 1 from attempts where raw = $1', [raw])
    if (rows.length === 0) unstored.push(raw)
  }
  return forward()
}

/** Whoever makes a call that is held is killed: nobody is answered. */
function holdCall(method: string, side: Side): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  rpc.behave(async (call, forward) => {
    if (call.method !== method) return watching(call, forward)
    if (side === 'after') await watching(call, forward)
    resolve()
    return new Promise<never>(() => {})
  })
  return promise
}

/** The enclave stands still from now on, and the agent has asked it. */
async function holdEnclave(): Promise<void> {
  const { enclavePid } = (await (await fetch(`${agent.url}/health`)).json()) as { enclavePid: number }
  const { promise, resolve } = Promise.withResolvers<void>()
  process.kill(enclavePid, 'SIGSTOP')
  rpc.behave(async (call, forward) => {
    const answer = await watching(call, forward)
    if (call.method === 'eth_call') setImmediate(resolve)
    return answer
  })
  await promise
  // The agent has read the answer of its last question to the chain before it reads these.
  for (const path of ['health', 'metrics']) await (await fetch(`${agent.url}/${path}`)).text()
  // Asked and stopped, it would not end with the agent where it runs without a sandbox.
  setTimeout(() => process.kill(enclavePid, 'SIGCONT'))
}

function receiptOf(raw: Hex) {
  const { to, data } = parseTransaction(raw)
  if (!to || !data || !isAddressEqual(to, world.deployment.relay)) return undefined
  const { functionName, args } = decodeFunctionData({ abi: relayAbi, data })
  return functionName === 'fulfil' ? args[1] : undefined
}

function shuffled<T extends { name: string }>(items: T[]): T[] {
  const rank = ({ name }: T) => createHash('sha256').update(`${SEED}:${name}`).digest('hex')
  return items.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1))
}
