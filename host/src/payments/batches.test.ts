import { join } from 'node:path'
import { type Batch, type Hex, ZERO_ADDRESS } from '@nacre/verify'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, type Database } from '../database/connect.ts'
import { sql } from '../database/drizzle.ts'
import { temporaryPostgres } from '../database/testing.ts'
import { attemptsTable, transactionsTable } from '../operator/tables.ts'
import type { Postgres } from '../processes/postgres.ts'
import {
  answersOf,
  closeSettled,
  findBatch,
  findPaid,
  forgetAnswers,
  moveBatch,
  storePaid,
  unsettledBatches,
} from './batches.ts'
import { batchesTable, paidAnswersTable } from './tables.ts'

const hash = (digit: string): Hex => `0x${digit.repeat(64)}`
const [ONE, OTHER] = [hash('1'), hash('2')]

let server: Postgres
let database: Database

beforeAll(async () => {
  server = await temporaryPostgres()
  const migrations = join(import.meta.dirname, '../operator/migrations')
  database = await connect({ databaseUrl: server.databaseUrl, schema: 'batches', migrations })
})

beforeEach(async () => {
  for (const table of [paidAnswersTable, batchesTable, attemptsTable, transactionsTable])
    await database.queries.delete(table)
})

afterAll(async () => {
  await database?.close()
  await server?.stop()
})

/** An answer that is the last of a batch. */
async function store(reservation: Hex, first: bigint, index = first): Promise<void> {
  const batch: Batch = {
    version: 1,
    reservation,
    first,
    last: index,
    count: Number(index - first) + 1,
    total: 5n * (index - first + 1n),
    root: hash('3'),
    releaseId: hash('4'),
    configHash: hash('5'),
  }
  const address: Hex = `0x${'6'.repeat(40)}`
  const parties = { payer: address, signer: address, operator: address, token: ZERO_ADDRESS }
  const terms = { ...parties, releaseId: hash('4'), assurance: 1, salt: 0n }
  const answer = { index, requestId: hash('7'), receiptId: hash('8'), price: 5n, bundle: { big: true } }
  const about = { terms, receiptKey: address, expiresAt: 1_000n }
  await storePaid(database.queries, { batch, signature: '0x' }, answer, about)
}

/** Its settlement was sent under a nonce, and mined in a block. */
async function settle(reservation: Hex, first: bigint, nonce: bigint, blockNumber: bigint): Promise<void> {
  const row = { nonce, purpose: 'settle', target: ZERO_ADDRESS, data: '0x' as Hex, gas: 1n }
  const mined = { state: 'mined' as const, status: 'success' as const, blockNumber }
  await database.queries.insert(transactionsTable).values({ ...row, ...mined })
  await moveBatch(database.queries, { reservation, first }, ['open'], { state: 'submitted', nonce })
}

const unsettled = async (which?: Parameters<typeof unsettledBatches>[1]) =>
  (await unsettledBatches(database.queries, which)).map(({ reservation, first }) => [reservation, first])

test('batches of a reservation come together, the oldest first', async () => {
  await store(OTHER, 4n)
  await store(ONE, 9n)
  await store(OTHER, 2n)
  expect(await unsettled()).toEqual([
    [ONE, 9n],
    [OTHER, 2n],
    [OTHER, 4n],
  ])
})

test('a settlement after the block of the funds is not in them: its batch is unsettled as of then', async () => {
  await store(ONE, 0n)
  await settle(ONE, 0n, 7n, 100n)
  expect(await unsettled({ reservation: ONE })).toEqual([])
  expect(await unsettled({ reservation: ONE, block: 100n })).toEqual([])
  expect(await unsettled({ reservation: ONE, block: 99n })).toEqual([[ONE, 0n]])
})

test('a batch is over when no reorganisation takes its settlement back', async () => {
  const state = async () => (await findBatch(database.queries, ONE, 0n))?.state
  await store(ONE, 0n)
  await settle(ONE, 0n, 7n, 100n)
  await closeSettled(database.queries, 99n)
  expect(await state()).toBe('submitted')
  await closeSettled(database.queries, 100n)
  expect(await state()).toBe('settled')
})

test('answers are forgotten a day after their batch, when it is over; what proves them stays', async () => {
  await store(ONE, 0n)
  await store(ONE, 0n, 1n)
  await store(OTHER, 0n)
  const bundle = async (reservation: Hex) => (await findPaid(database.queries, reservation, 0n))?.bundle
  await moveBatch(database.queries, { reservation: ONE, first: 0n }, ['open'], { state: 'ended' })
  await forgetAnswers(database.queries)
  expect(await bundle(ONE)).toEqual({ big: true })
  await database.queries.update(batchesTable).set({ createdAt: new Date(Date.now() - 25 * 3_600_000) })
  await forgetAnswers(database.queries)
  expect(await bundle(ONE)).toBeNull()
  expect(await bundle(OTHER)).toEqual({ big: true })
  expect(await answersOf(database.queries, { reservation: ONE, first: 0n, last: 1n })).toHaveLength(2)
})

test('what is over is not read when batches to settle are looked for, however much it is', async () => {
  await store(ONE, 0n)
  await database.queries.execute(sql`
    insert into batches select reservation, first + n, last + n, count, total, token, receipt_key, terms, batch, signature,
      expires_at, 'settled', null, null, created_at
    from batches, generate_series(1, 20000) n`)
  await database.queries.execute(sql`analyze batches`)
  await database.transaction(async queries => {
    expect(await unsettledBatches(queries)).toHaveLength(1)
    await closeSettled(queries, 1n)
    const { rows } = await queries.execute<{ read: number }>(sql`
      select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_xact_user_tables
      where relname = 'batches' and schemaname = 'batches'`)
    // Of 20,001; rows that were deleted may be read until they are cleaned up.
    expect(rows[0]?.read).toBeLessThan(1_000)
  })
})
