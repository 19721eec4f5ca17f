import { join } from 'node:path'
import { relayAbi } from '@nacre/contracts'
import {
  type AbiEvent,
  encodeAbiParameters,
  encodeEventTopics,
  getAbiItem,
  getAddress,
  type Hex,
  keccak256,
  type Log,
  pad,
  toHex,
} from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, type Database } from '../database/connect.ts'
import { temporaryPostgres } from '../database/testing.ts'
import type { Postgres } from '../processes/postgres.ts'
import {
  applyEvents,
  chainRequest,
  findRequest,
  moveRequest,
  openRequests,
  readOpen,
  rewindRequests,
} from './requests.ts'
import type { RequestRow } from './tables.ts'

const migrations = join(import.meta.dirname, 'migrations')
const id = pad('0x01', { size: 32 })
const artifact = pad('0xaa', { size: 32 })
const consumer = getAddress('0x00000000000000000000000000000000000000c1')
const operator: Hex = '0x00000000000000000000000000000000000000d1'
const params = {
  artifact,
  feeToken: pad('0x00', { size: 20 }),
  fee: 10n ** 24n,
  maxOutput: 32,
  callbackGas: 50_000,
  maxGasPrice: 2n ** 60n,
  deadline: 2_000_000_000n,
  assurance: 1,
  maxEvidenceAge: 3_600,
  releases: [pad('0xbb', { size: 32 })],
  publishers: [],
}

let server: Postgres
let database: Database
let schemas = 0

beforeAll(async () => {
  server = await temporaryPostgres()
})

beforeEach(async () => {
  await database?.close()
  database = await connect({ databaseUrl: server.databaseUrl, schema: `requests${schemas++}`, migrations })
})

afterAll(async () => {
  await database.close()
  await server.stop()
})

const requestAt = (blockNumber: bigint) => ({
  consumer,
  nonce: 7n,
  blockNumber,
  timestamp: 1_900_000_000n,
  inputHash: keccak256('0x0102'),
  params,
})

function logOf(
  eventName: 'Requested' | 'Fulfilled' | 'Expired',
  args: Record<string, unknown>,
  blockNumber: bigint,
  fork = 0,
) {
  const item = getAbiItem({ abi: relayAbi, name: eventName }) as AbiEvent
  const plain = item.inputs.filter(({ indexed }) => !indexed)
  return {
    topics: encodeEventTopics({ abi: [item], eventName, args } as never),
    data: encodeAbiParameters(plain, plain.map(({ name }) => args[name!]) as never),
    blockNumber,
    blockHash: toHex(blockNumber + BigInt(fork) * 1_000n, { size: 32 }),
    transactionHash: pad('0xee', { size: 32 }),
  } as unknown as Log<bigint, number, false>
}

const requested = (block: bigint, fork = 0) =>
  logOf('Requested', { id, artifact, consumer, request: requestAt(block), input: '0x0102' }, block, fork)
const fulfilled = (block: bigint) =>
  logOf(
    'Fulfilled',
    {
      id,
      operator,
      receiptKey: operator,
      receiptId: artifact,
      status: 0,
      callbackOk: true,
      paid: 1n,
      gasPaid: 1n,
    },
    block,
  )
const expired = (block: bigint) => logOf('Expired', { id, assigned: operator, slashed: 0n }, block)

const apply = (...logs: Log<bigint, number, false>[]) => applyEvents(database.queries, logs, operator)
const states = async () => (await findRequest(database.queries, id)).map(({ state }) => state)

async function openRows(): Promise<RequestRow[]> {
  const open = await openRequests(database.queries)
  return Promise.all(open.map(async request => (await readOpen(database.queries, request))!))
}

async function answer(): Promise<void> {
  const [row] = await openRows()
  expect(await moveRequest(database.queries, row!, { state: 'answered', bundle: { kept: true } })).toBe(true)
}

test('a request is stored once, whole, and comes back as the chain has it', async () => {
  await apply(requested(10n))
  await apply(requested(10n))
  const rows = await openRows()
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({ state: 'seen', input: '0x0102', deadline: params.deadline })
  expect(chainRequest(rows[0]!)).toEqual(requestAt(10n))
})

test('fulfilled and expired end it, and our own answers are timed', async () => {
  await apply(requested(10n))
  expect(await apply(fulfilled(11n))).toEqual([expect.any(Number)])
  expect(await states()).toEqual(['fulfilled'])
  expect(await openRows()).toEqual([])
  const other = await applyEvents(database.queries, [requested(10n), fulfilled(11n)], consumer)
  expect(other).toEqual([])
})

test('a fulfilment or refund in a dropped block opens the request again, with its answer', async () => {
  for (const ending of [fulfilled(11n), expired(11n)]) {
    await apply(requested(10n))
    if ((await states())[0] === 'seen') await answer()
    await apply(ending)
    await rewindRequests(database.queries, 10n)
    expect(await states()).toEqual(['answered'])
  }
})

test('a request of a dropped block is orphaned; in another block it is another request', async () => {
  await apply(requested(10n))
  await answer()
  await rewindRequests(database.queries, 9n)
  expect(await states()).toEqual(['orphaned'])
  await apply(requested(10n, 1))
  expect(await states()).toEqual(['seen', 'orphaned'])
  expect((await findRequest(database.queries, id))[0]!.bundle).toBeNull()
})

test('a block that comes back brings the answer back', async () => {
  await apply(requested(10n))
  await answer()
  await rewindRequests(database.queries, 9n)
  await apply(requested(10n))
  const [row] = await openRows()
  expect(row).toMatchObject({ state: 'answered', bundle: { kept: true } })
})

test('a step that was overtaken changes nothing', async () => {
  await apply(requested(10n))
  const [row] = await openRows()
  await apply(fulfilled(11n))
  expect(await moveRequest(database.queries, row!, { state: 'answered' })).toBe(false)
  expect(await states()).toEqual(['fulfilled'])
})

test('of a request that ended, or whose block was dropped, after it was looked for no step is made', async () => {
  await apply(requested(10n))
  const [open] = await openRequests(database.queries)
  await apply(fulfilled(11n))
  expect(await readOpen(database.queries, open!)).toBeUndefined()
  await database.transaction(queries => rewindRequests(queries, 10n))
  expect(await readOpen(database.queries, open!)).toMatchObject({ state: 'seen' })
  await database.transaction(queries => rewindRequests(queries, 9n))
  expect(await readOpen(database.queries, open!)).toBeUndefined()
})

test('what was skipped not long ago is decided again after a reorganisation, for its reason may be gone', async () => {
  await apply(requested(10n))
  const [row] = await openRows()
  await moveRequest(database.queries, row!, { state: 'skipped', reason: 'deadline-passed' })
  await rewindRequests(database.queries, 12n)
  expect(await states()).toEqual(['seen'])
})

test('an event that contradicts itself is ignored', async () => {
  const request = requestAt(10n)
  const args = { id, artifact, consumer, request, input: '0x0102' as Hex }
  const late = { ...request, params: { ...params, deadline: 2n ** 64n - 1n } }
  for (const lie of [
    { input: '0x0103' },
    { artifact: id },
    { request: { ...request, blockNumber: 9n } },
    { request: late },
  ])
    await apply(logOf('Requested', { ...args, ...lie }, 10n))
  expect(await states()).toEqual([])
})
