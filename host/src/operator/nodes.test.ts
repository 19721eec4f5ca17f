import { operatorsAbi, relayAbi } from '@nacre/contracts'
import { type Hex, releaseId } from '@nacre/verify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { concat, encodeErrorResult, encodeEventTopics, numberToHex, pad, toFunctionSelector } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectBalances } from '../../testing/balances.ts'
import { createWorld, eventually, type World } from '../../testing/operatorWorld.ts'
import { type Answer, type Behaviour, honest, type RpcProxy, startRpcProxy } from '../../testing/rpcProxy.ts'
import { parseConfig } from '../common/config.ts'
import { createShutdown, type Shutdown } from '../common/shutdown.ts'
import { operatorConfig } from './config.ts'
import { startOperator } from './start.ts'

type RpcLog = { topics: Hex[]; logIndex: Hex; data: Hex }

let world: World
let nodes: { rpcUrl: RpcProxy; witnessUrl: RpcProxy }
let shutdown: Shutdown
const metrics = new Registry()

beforeAll(async () => {
  world = await createWorld()
  const [rpcUrl, witnessUrl] = [await startRpcProxy(world.rpcPort), await startRpcProxy(world.rpcPort)]
  nodes = { rpcUrl, witnessUrl }
  const logger = pino({ level: 'silent' })
  shutdown = createShutdown({ logger })
  const urls = { rpcUrl: rpcUrl.url, witnessUrl: witnessUrl.url, wsUrl: undefined, witnessLagMs: 2_000 }
  const config = parseConfig(operatorConfig, { ...world.config, ...urls, pollMs: 50 }, 'test')
  const operator = await startOperator({ config, logger, shutdown, metrics })
  operator.failed.catch(() => {})
})

beforeEach(() => witnessIs(1))

afterEach(() => {
  for (const node of Object.values(nodes)) node.behave(honest)
})

afterAll(async () => {
  await shutdown?.close()
  for (const node of Object.values(nodes)) node.close()
  await world?.close()
})

const ENDS = (['Fulfilled', 'Expired'] as const).map(topicOf)
const REQUESTED = topicOf('Requested')
const refused = { error: { code: -32_603, message: 'the node has a bad day' } }
const large = new TextEncoder().encode(`{"jsonrpc":"2.0","id":1,"result":"0x${'00'.repeat(2 ** 24)}"}`)

/** What a bad node does, while the other one is honest; `noticed`: a contradiction that the agent counts. */
const BAD: Record<string, { behaviour: () => Behaviour | Promise<Behaviour>; noticed?: string }> = {
  'drops connections': { behaviour: () => async () => 'drop' },
  'answers errors': { behaviour: () => async () => refused },
  'answers with megabytes': { behaviour: () => async () => large },
  'hides requests': { behaviour: () => logs(log => log.topics[0] !== REQUESTED), noticed: 'event' },
  'invents an end': { behaviour: () => inventing, noticed: 'event' },
  'says that nothing is open': { behaviour: () => closed },
  'swallows transactions, and says that they were mined': { behaviour: () => swallowing },
  'refuses every estimate': { behaviour: () => refusing },
  'stands still': { behaviour: standing },
  'says that the slots are another’s': { behaviour: () => assigning },
  'says that nothing is offered': { behaviour: () => lying('offerAt', notOffered) },
  'says that another release runs': { behaviour: () => lying('profileAt', otherRelease) },
  'is ahead of its time': { behaviour: () => ahead, noticed: 'header' },
}

describe.each(['rpcUrl', 'witnessUrl'] as const)('the node at %s', bad => {
  test.each(Object.entries(BAD))('%s: the request is answered, once', async (_, { behaviour, noticed }) => {
    const before = await counted(noticed)
    nodes[bad].behave(await behaviour())
    const id = await world.ask()
    await world.untilFulfilled(id)
    if (noticed) await eventually(async () => ((await counted(noticed)) > before ? true : undefined))
    nodes[bad].behave(honest)
    await world.untilState(id, 'fulfilled')
    expect(await world.fulfilments(id)).toHaveLength(1)
  })
})

test('another chain at the witness is noticed, and the node that leads is followed', async () => {
  const before = await counted('block')
  nodes.witnessUrl.behave(forked)
  await eventually(async () => ((await counted('block')) > before ? true : undefined))
  const id = await world.ask()
  await world.untilFulfilled(id)
  await world.untilState(id, 'fulfilled')
})

test('a node that leads does not free us of a duty alone: what it says of the slots is held against the other', async () => {
  const before = await counted('turn')
  nodes.rpcUrl.behave(assigning)
  // Of an epoch of which nothing is known yet.
  await world.chain.increaseTime({ seconds: 2 })
  const id = await world.ask()
  await world.untilFulfilled(id)
  await world.untilState(id, 'fulfilled')
  expect(await counted('turn')).toBeGreaterThan(before)
})

test('another chain at the node that leads is noticed; when it is gone, what was asked meanwhile is answered', async () => {
  const before = await counted('block')
  nodes.rpcUrl.behave(forked)
  await eventually(async () => ((await counted('block')) > before ? true : undefined))
  const id = await world.ask()
  nodes.rpcUrl.behave(honest)
  await world.untilFulfilled(id)
  await world.untilState(id, 'fulfilled')
  expect(await world.fulfilments(id)).toHaveLength(1)
})

test('an end that one node hides counts when it shows it, whenever that is', async () => {
  nodes.witnessUrl.behave(logs(log => !ENDS.includes(log.topics[0]!)))
  const id = await world.ask()
  await world.untilFulfilled(id)
  await waiting(id, 'not-open')
  await world.chain.mine({ blocks: 3 })
  nodes.witnessUrl.behave(honest)
  await world.untilState(id, 'fulfilled')
})

test('a request that one node hides while the other is away is found when that is back', async () => {
  nodes.rpcUrl.behave(logs(log => log.topics[0] !== REQUESTED))
  nodes.witnessUrl.behave(async () => 'drop')
  await witnessIs(0)
  const id = await world.ask()
  await world.chain.mine({ blocks: 2 })
  const read = () => world.database.query('select number from cursor')
  const head = await world.chain.getBlockNumber()
  await eventually(async () => (BigInt((await read()).rows[0].number) >= head ? true : undefined))
  nodes.witnessUrl.behave(honest)
  await world.untilFulfilled(id)
  await world.untilState(id, 'fulfilled')
})

test('nothing was lost or doubled', () => expectBalances(world))

/** A node that shows only some of the logs. */
function logs(shows: (log: RpcLog) => boolean): Behaviour {
  return async ({ method }, forward) => {
    const answer = await forward()
    if (method !== 'eth_getLogs' || !Array.isArray(answer.result)) return answer
    return { result: (answer.result as RpcLog[]).filter(shows) }
  }
}

/** Every request that it shows was answered in its own block, it says. */
const inventing: Behaviour = async ({ method }, forward) => {
  const answer = await forward()
  if (method !== 'eth_getLogs' || !Array.isArray(answer.result)) return answer
  const shown = answer.result as RpcLog[]
  const invented = shown
    .filter(log => log.topics[0] === REQUESTED)
    .map(log => ({
      ...log,
      topics: [topicOf('Fulfilled'), log.topics[1]!, pad('0x1'), pad('0x2')],
      logIndex: numberToHex(Number(log.logIndex) + 50),
      data: `0x${'00'.repeat(160)}`,
    }))
  return { result: [...shown, ...invented] }
}

const selectors = (['assignedOf', 'commitmentOf'] as const).map(name =>
  toFunctionSelector(relayAbi.find(entry => entry.type === 'function' && entry.name === name) as never),
)
const unknown = encodeErrorResult({ abi: relayAbi, errorName: 'UnknownRequest', args: [pad('0x0')] })
const reverted = { error: { code: 3, message: 'execution reverted', data: unknown } }

const closed: Behaviour = async ({ method, params }, forward) => {
  const [call] = params as [{ data?: string }]
  const selector = method === 'eth_call' ? call.data?.slice(0, 10) : undefined
  if (selector === selectors[0]) return reverted
  return selector === selectors[1] ? { result: pad('0x0') } : forward()
}

/** What a call of the operators contract gives, whoever it is about. */
function lying(name: 'assigned' | 'offerAt' | 'profileAt', result: Hex): Behaviour {
  const entry = operatorsAbi.find(one => one.type === 'function' && one.name === name)
  const selector = toFunctionSelector(entry as never)
  return async ({ method, params }, forward) => {
    const [call] = params as [{ data?: string }]
    return method === 'eth_call' && call.data?.startsWith(selector) ? { result } : forward()
  }
}

const notOffered = concat([pad('0x1'), pad('0x1'), pad('0x0')])
const otherRelease = concat([pad('0x7'), pad('0x1')])

/** Every slot is held by one that does not exist, and offers everything. */
const assigning: Behaviour = (call, forward) => {
  const { publisher, manifestHash } = world.release
  const profile = lying('profileAt', concat([releaseId(publisher, manifestHash), pad('0x1')]))
  const offer = lying('offerAt', concat([pad('0x1'), pad('0x1'), pad('0x1')]))
  const holder = lying('assigned', pad('0xbeef'))
  return holder(call, () => offer(call, () => profile(call, forward) as Promise<Answer>) as Promise<Answer>)
}

const refusing: Behaviour = async ({ method }, forward) =>
  method === 'eth_estimateGas' ? reverted : forward()

const swallowing: Behaviour = async ({ method }, forward) => {
  if (method === 'eth_sendRawTransaction') return { result: pad('0x1') }
  const answer = await forward()
  if (method === 'eth_getTransactionCount') return { result: numberToHex(Number(answer.result) + 1) }
  const receipt = { status: '0x1', logs: [], ...(answer.result as object) }
  return method === 'eth_getTransactionReceipt' && answer.result ? { result: receipt } : answer
}

/** No block after the present one, however often it is asked. */
async function standing(): Promise<Behaviour> {
  const last = await world.chain.getBlockNumber()
  const isLater = (block: unknown) =>
    typeof block === 'string' && block.startsWith('0x') && BigInt(block) > last
  return async ({ method, params }, forward) => {
    const [first] = params as [string | { fromBlock?: string }]
    if (method === 'eth_getLogs' && isLater((first as { fromBlock?: string }).fromBlock))
      return { result: [] }
    if (method !== 'eth_getBlockByNumber') return forward()
    if (isLater(first)) return { result: null }
    const answer = await forward()
    const { number } = answer.result as { number: string | null }
    return isLater(number) ? { result: await blockAt(last) } : answer
  }
}

const blockAt = (number: bigint) =>
  world.client.request({ method: 'eth_getBlockByNumber', params: [numberToHex(number), false] })

const changedBlock =
  (change: (block: { hash: Hex; timestamp: Hex }) => object): Behaviour =>
  async ({ method }, forward) => {
    const answer = await forward()
    if (method !== 'eth_getBlockByNumber' || !answer.result) return answer
    return { result: { ...answer.result, ...change(answer.result as { hash: Hex; timestamp: Hex }) } }
  }

const ahead = changedBlock(({ timestamp }) => ({ timestamp: numberToHex(Number(timestamp) + 7_200) }))
const forked = changedBlock(({ hash }) => ({ hash: hash && `0x${'ab'.repeat(4)}${hash.slice(10)}` }))

function topicOf(eventName: 'Requested' | 'Fulfilled' | 'Expired'): Hex {
  return encodeEventTopics({ abi: relayAbi, eventName })[0]!
}

async function metric(name: string): Promise<number> {
  const line = (await metrics.metrics()).split('\n').find(one => one.startsWith(`${name} `))
  return Number(line?.split(' ')[1] ?? 0)
}

const counted = (kind = 'none') => metric(`nacre_chain_disagreements_total{kind="${kind}"}`)

const witnessIs = (state: number) =>
  eventually(async () => ((await metric('nacre_chain_witness')) === state ? true : undefined))

async function waiting(id: Hex, reason: string): Promise<void> {
  const sql = 'select 1 from requests where id = $1 and reason = $2'
  await eventually(async () => (await world.database.query(sql, [id, reason])).rows[0])
}
