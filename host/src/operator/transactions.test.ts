import { join } from 'node:path'
import { relayAbi } from '@nacre/contracts'
import { createTestClient, encodeErrorResult, type Hex, http, publicActions } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createNodes, type Nodes } from '../chain/nodes.ts'
import { connect, type Database } from '../database/connect.ts'
import { eq } from '../database/drizzle.ts'
import { temporaryPostgres } from '../database/testing.ts'
import { type Anvil, startAnvil } from '../processes/anvil.ts'
import type { Postgres } from '../processes/postgres.ts'
import type { TransactionsOptions } from './broadcast.ts'
import { rewindTransactions } from './nonces.ts'
import { attemptsTable, type TransactionRow, transactionsTable } from './tables.ts'
import { createTransactions } from './transactions.ts'

/** Counts its calls in slot 0. */
const COUNTER: Hex = '0x00000000000000000000000000000000000000cc'
const COUNTER_CODE = '0x5f546001015f5500'
/** Reverts with an error of the contracts. */
const REFUSER: Hex = '0x00000000000000000000000000000000000000ff'
const migrations = join(import.meta.dirname, 'migrations')

let server: Postgres
let anvil: Anvil
let database: Database
let schemas = 0
const account = privateKeyToAccount(generatePrivateKey())
const count = { purpose: 'count', target: COUNTER, data: '0x' as Hex }

beforeAll(async () => {
  server = await temporaryPostgres()
})

beforeEach(async () => {
  anvil = await startAnvil()
  await chain().setBalance({ address: account.address, value: 10n ** 20n })
  await chain().setCode({ address: COUNTER, bytecode: COUNTER_CODE })
  database = await connect({
    databaseUrl: server.databaseUrl,
    schema: `transactions${schemas++}`,
    migrations,
  })
})

afterEach(async () => {
  await database.close()
  await anvil.stop()
})

afterAll(() => server.stop())

const chain = () => createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).extend(publicActions)

function transactions(options: Partial<TransactionsOptions> = {}) {
  return createTransactions({
    nodes: createNodes({ rpcUrl: anvil.rpcUrl }),
    account,
    chainId: 31_337,
    database,
    ...options,
  })
}

async function counted(): Promise<number> {
  return Number(await chain().getStorageAt({ address: COUNTER, slot: '0x0' }))
}

/** Waits until the chain has used so many nonces: anvil mines after it has answered the sender. */
async function used(nonces: number): Promise<void> {
  const options = { timeout: 30_000, interval: 10 }
  await vi.waitFor(async () => {
    expect(await chain().getTransactionCount({ address: account.address })).toBe(nonces)
  }, options)
}

const rows = () => database.queries.select().from(transactionsTable).orderBy(transactionsTable.nonce)
const attempts = () => database.queries.select().from(attemptsTable)

/** A node some of whose calls are changed. */
function nodesWith(changes: Partial<Nodes['client']>): Nodes {
  const nodes = createNodes({ rpcUrl: anvil.rpcUrl })
  return { ...nodes, client: { ...nodes.client, ...changes } as Nodes['client'] }
}

/** One that never gets a transaction out, as if killed between storing and broadcasting. */
function mute(): Nodes {
  return nodesWith({ sendRawTransaction: () => Promise.reject(new Error('killed')) })
}

test('many at the same time get one nonce each, are mined once each, and their cost is kept', async () => {
  const mined: TransactionRow[] = []
  const own = transactions({ onMined: row => mined.push(row) })
  const nonces = await Promise.all([1, 2, 3, 4, 5].map(() => own.send(count, 60_000n)))
  expect(nonces.sort()).toEqual([0n, 1n, 2n, 3n, 4n])
  await used(5)
  await own.check()
  expect(await counted()).toBe(5)
  expect(mined.map(({ status }) => status)).toEqual(Array(5).fill('success'))
  expect((await rows())[0]).toMatchObject({
    state: 'mined',
    gasUsed: expect.any(BigInt),
    gasPrice: expect.any(BigInt),
  })
})

test('killed after storing and before broadcasting: the next process sends the same transaction', async () => {
  await transactions({ nodes: mute() }).send(count, 60_000n)
  const [stored] = await attempts()
  expect(await counted()).toBe(0)
  const next = transactions()
  await next.check()
  await used(1)
  await next.check()
  expect(await counted()).toBe(1)
  expect((await rows())[0]).toMatchObject({ state: 'mined', hash: stored!.hash })
})

test('what a process that was killed had mined is not replaced', async () => {
  const nonce = await transactions().send(count, 60_000n)
  await used(1)
  const next = transactions()
  expect((await next.pending()).map(row => row.nonce)).toEqual([nonce])
  expect(await next.replace(nonce, { ...count, purpose: 'other' }, 60_000n)).toBe(false)
  expect(await attempts()).toHaveLength(1)
  await next.check()
  expect(await next.pending()).toEqual([])
  expect((await rows())[0]).toMatchObject({ purpose: 'count', status: 'success' })
})

test('the node is told once of what waits to be mined, not after every block', async () => {
  await chain().setAutomine(false)
  let told = 0
  const { client } = createNodes({ rpcUrl: anvil.rpcUrl })
  const counting = nodesWith({
    sendRawTransaction: transaction => {
      told++
      return client.sendRawTransaction(transaction)
    },
  })
  const own = transactions({ nodes: counting })
  await own.send(count, 60_000n)
  for (let blocks = 0; blocks < 5; blocks++) await own.check()
  expect(told).toBe(1)
  expect(own.waiting()).toBe(1)
  await chain().mine({ blocks: 1 })
  await own.check()
  expect(own.waiting()).toBe(0)
  expect(await counted()).toBe(1)
})

test('checks that are asked for while the node is slow are one: a replacement does not wait behind all of them', async () => {
  let asked = 0
  const slow = Promise.withResolvers<void>()
  const nodes = createNodes({ rpcUrl: anvil.rpcUrl })
  const own = transactions({
    nodes: {
      ...nodes,
      answers: async ask => {
        asked++
        await slow.promise
        return nodes.answers(ask)
      },
    },
  })
  const checks = [own.check()]
  await vi.waitFor(() => expect(asked).toBe(1))
  while (checks.length < 10) checks.push(own.check())
  slow.resolve()
  await Promise.all(checks)
  expect(asked).toBe(2)
})

test('killed after broadcasting: the next process sees it mined and sends nothing', async () => {
  await transactions().send(count, 60_000n)
  await used(1)
  await transactions().check()
  expect(await counted()).toBe(1)
  expect(await transactions().send(count, 60_000n)).toBe(1n)
})

test('what is stored with a transaction is stored with it or not at all', async () => {
  const failing = transactions().send(count, 60_000n, () => Promise.reject(new Error('stop')))
  await expect(failing).rejects.toThrow('stop')
  expect(await rows()).toEqual([])
  expect(await counted()).toBe(0)
})

test('a stuck transaction is replaced with the same nonce and higher fees, and counts once', async () => {
  await chain().setAutomine(false)
  const own = transactions({ replaceAfterMs: 0 })
  await own.send(count, 60_000n)
  await own.check()
  const [first, second] = (await attempts()).sort((one, other) => Number(one.maxFee - other.maxFee))
  expect(second!.maxFee).toBeGreaterThan((first!.maxFee * 110n) / 100n)
  expect(second!.nonce).toBe(first!.nonce)
  await chain().mine({ blocks: 1 })
  await used(1)
  await own.check()
  expect(await counted()).toBe(1)
  expect((await rows())[0]).toMatchObject({ state: 'mined', status: 'success', hash: second!.hash })
})

test('a clock that is set while a transaction waits changes nothing: its age is the database’s', async () => {
  await chain().setAutomine(false)
  const hours = 3 * 3_600_000
  try {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours })
    const patient = transactions({ replaceAfterMs: hours / 2 })
    await patient.send(count, 60_000n)
    vi.setSystemTime(Date.now() + hours)
    await patient.check()
    expect(await attempts()).toHaveLength(1)
    vi.setSystemTime(Date.now() - 3 * hours)
    await transactions({ replaceAfterMs: 0 }).check()
    expect(await attempts()).toHaveLength(2)
  } finally {
    vi.useRealTimers()
  }
})

test('mined in a block that the chain dropped: pending again, and mined again', async () => {
  const snapshot = await chain().snapshot()
  const own = transactions()
  await own.send(count, 60_000n)
  await used(1)
  await own.check()
  const ancestor = (await chain().getBlockNumber()) - 1n
  await chain().revert({ id: snapshot })
  await database.transaction(queries => rewindTransactions(queries, ancestor))
  await own.check()
  await used(1)
  await own.check()
  expect(await counted()).toBe(1)
  expect((await rows())[0]).toMatchObject({ state: 'mined', status: 'success' })
})

test('a nonce that another program used is reported as lost', async () => {
  await transactions({ nodes: mute() }).send(count, 60_000n)
  const other = await account.signTransaction({
    type: 'eip1559',
    chainId: 31_337,
    nonce: 0,
    to: account.address,
    gas: 21_000n,
    maxFeePerGas: 10n ** 10n,
    maxPriorityFeePerGas: 1n,
  })
  await chain().sendRawTransaction({ serializedTransaction: other })
  await used(1)
  const own = transactions()
  await own.check()
  const [row] = await database.queries.select().from(transactionsTable).where(eq(transactionsTable.nonce, 0n))
  expect(row).toMatchObject({ state: 'mined', status: 'lost' })
  expect(await own.explain(row!)).toContain('another program')
})

test('a refusal is named by the contracts’ own error, before sending and after', async () => {
  const selector = encodeErrorResult({ abi: relayAbi, errorName: 'EmptyPolicy' }).slice(2)
  await chain().setCode({ address: REFUSER, bytecode: `0x63${selector}5f526004601cfd` })
  const own = transactions()
  const refused = { purpose: 'refused', target: REFUSER, data: '0x' as Hex }
  await expect(own.estimate(refused)).rejects.toMatchObject({
    code: 'TRANSACTION_REVERTED',
    reason: 'EmptyPolicy',
  })
  const nonce = await own.send(refused, 60_000n)
  await used(1)
  await own.check()
  const row = await own.mined(nonce)
  expect(row.status).toBe('reverted')
  expect(await own.explain(row)).toBe('EmptyPolicy')
})

test('a nonce that waits can be used for something else: one of the two is mined', async () => {
  await chain().setAutomine(false)
  const own = transactions()
  const nonce = await own.send(count, 60_000n)
  const nothing = { purpose: 'cancel:1', target: account.address, data: '0x' as Hex }
  expect(await own.replace(nonce, nothing, 21_000n)).toBe(true)
  expect(await own.isPending('cancel:1')).toBe(true)
  await chain().mine({ blocks: 1 })
  await used(1)
  await own.check()
  expect(await counted()).toBe(0)
  expect(await rows()).toMatchObject([{ purpose: 'cancel:1', state: 'mined', status: 'success' }])
  expect(await own.replace(nonce, count, 60_000n)).toBe(false)
})

test.each([
  ['that cannot rise', 10n ** 9n],
  ['that were lowered', 9n * 10n ** 8n],
])('what was withdrawn is not sent again, by fees %s either', async (_, lowered) => {
  const priorityFee = 10n ** 6n
  await chain().setNextBlockBaseFeePerGas({ baseFeePerGas: 8n * 10n ** 8n })
  await chain().mine({ blocks: 1 })
  const first = transactions({ nodes: mute(), ceiling: { maxFee: 10n ** 9n, priorityFee } })
  const nonce = await first.send(count, 60_000n)
  const own = transactions({ nodes: mute(), ceiling: { maxFee: lowered, priorityFee }, replaceAfterMs: 0 })
  const nothing = { purpose: 'cancel:1', target: account.address, data: '0x' as Hex }
  expect(await own.replace(nonce, nothing, 21_000n)).toBe(true)
  const fees = (await attempts()).map(({ maxFee }) => maxFee)
  expect(fees).toEqual([10n ** 9n, lowered])
  const next = transactions({ ceiling: { maxFee: lowered, priorityFee }, replaceAfterMs: 0 })
  await next.check()
  await used(1)
  await next.check()
  expect(await counted()).toBe(0)
  expect(await rows()).toMatchObject([{ purpose: 'cancel:1', state: 'mined', status: 'success' }])
})

test('a chain set back before transactions of another program: the gap is filled and ours is mined', async () => {
  const snapshot = await chain().snapshot()
  const other = await account.signTransaction({
    type: 'eip1559',
    chainId: 31_337,
    nonce: 0,
    to: account.address,
    gas: 21_000n,
    maxFeePerGas: 10n ** 10n,
    maxPriorityFeePerGas: 1n,
  })
  await chain().sendRawTransaction({ serializedTransaction: other })
  await used(1)
  const own = transactions({ replaceAfterMs: 0 })
  expect(await own.send(count, 60_000n)).toBe(1n)
  await used(2)
  await own.check()
  await chain().revert({ id: snapshot })
  await own.check()
  await used(2)
  await own.check()
  expect(await counted()).toBe(1)
  expect((await rows()).map(({ purpose, status }) => [purpose, status])).toEqual([
    ['fill:0', 'success'],
    ['count', 'success'],
  ])
})

test('a node that names absurd fees gets no more than the ceiling, and no endless replacements', async () => {
  await chain().setAutomine(false)
  const ceiling = { maxFee: 5n * 10n ** 9n, priorityFee: 2n * 10n ** 9n }
  const nodes = nodesWith({ estimateMaxPriorityFeePerGas: async () => 10n ** 18n })
  const own = transactions({ nodes, ceiling, replaceAfterMs: 0 })
  await own.send(count, 60_000n)
  for (const _ of Array(8)) await own.check()
  const fees = await attempts()
  expect(
    fees.every(({ maxFee, priorityFee }) => maxFee <= ceiling.maxFee && priorityFee <= ceiling.priorityFee),
  ).toBe(true)
  expect(fees.length).toBeLessThan(8)
})
