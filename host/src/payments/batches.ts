import { type ReservationTerms, toJson } from '@nacre/verify'
import { parseBatch } from '@nacre/verify/payment'
import type { Hex } from 'viem'
import type { Queries } from '../database/connect.ts'
import { and, between, desc, eq, inArray, isNotNull, lte, not, sql } from '../database/drizzle.ts'
import type { SignedBatch } from '../operator/bundle.ts'
import { transactionsTable } from '../operator/tables.ts'
import { type BatchRow, batchesTable, type PaidAnswerRow, paidAnswersTable } from './tables.ts'

/** In words of the index `batches_unsettled`: what is over must not be read again and again. */
const LIVE = sql`${batchesTable.state} in ('open', 'closed', 'submitted')`

/**
 * Whose settlement is not on the chain, as far as we know, or came after a block. Oldest first: a later batch of a
 * reservation that is settled first makes the earlier ones worthless.
 */
export async function unsettledBatches(
  queries: Queries,
  { reservation, block }: { reservation?: Hex; block?: bigint } = {},
): Promise<BatchRow[]> {
  const known = block === undefined ? sql`` : sql`and t.block_number <= ${block}`
  const settled = sql`exists (select 1 from ${transactionsTable} t where t.nonce = ${batchesTable.nonce} and t.state = 'mined' and t.status = 'success' ${known})`
  const which = reservation && eq(batchesTable.reservation, reservation)
  return queries
    .select()
    .from(batchesTable)
    .where(and(LIVE, not(settled), which))
    .orderBy(batchesTable.reservation, batchesTable.first)
}

/** Batches whose settlement no reorganisation takes back any more: it was mined in this block or before. */
export async function closeSettled(queries: Queries, block: bigint): Promise<void> {
  const { nonce, state, status, blockNumber } = transactionsTable
  const final = and(eq(state, 'mined'), eq(status, 'success'), lte(blockNumber, block))
  await queries
    .update(batchesTable)
    .set({ state: 'settled' })
    .from(transactionsTable)
    .where(and(LIVE, eq(batchesTable.state, 'submitted'), eq(batchesTable.nonce, nonce), final))
}

/** Drops answers of batches that are over and older than a day: what proves them stays. */
export async function forgetAnswers(queries: Queries): Promise<void> {
  const { reservation, first, bundle } = paidAnswersTable
  const same = and(eq(batchesTable.reservation, reservation), eq(batchesTable.first, first))
  const over = and(not(LIVE), sql`${batchesTable.createdAt} < now() - interval '1 day'`)
  await queries
    .update(paidAnswersTable)
    .set({ bundle: null })
    .from(batchesTable)
    .where(and(isNotNull(bundle), same, over))
}

export async function findBatch(
  queries: Queries,
  reservation: Hex,
  first: bigint,
): Promise<BatchRow | undefined> {
  const same = and(eq(batchesTable.reservation, reservation), eq(batchesTable.first, first))
  return (await queries.select().from(batchesTable).where(same))[0]
}

/** The answer that a voucher paid for. */
export async function findPaid(
  queries: Queries,
  reservation: Hex,
  index: bigint,
): Promise<PaidAnswerRow | undefined> {
  const same = and(eq(paidAnswersTable.reservation, reservation), eq(paidAnswersTable.index, index))
  return (await queries.select().from(paidAnswersTable).where(same))[0]
}

export async function findPaidReceipt(
  queries: Queries,
  receipt: Hex,
): Promise<Pick<PaidAnswerRow, 'reservation' | 'first' | 'index' | 'price'> | undefined> {
  const { reservation, first, index, price, receiptId } = paidAnswersTable
  const columns = { reservation, first, index, price }
  return (await queries.select(columns).from(paidAnswersTable).where(eq(receiptId, receipt)))[0]
}

/** Answers under a batch's root, in the order of its leaves. */
export async function answersOf(
  queries: Queries,
  { reservation, first, last }: Pick<BatchRow, 'reservation' | 'first' | 'last'>,
): Promise<Pick<PaidAnswerRow, 'receiptId' | 'index' | 'price'>[]> {
  const { receiptId, index, price } = paidAnswersTable
  const same = and(
    eq(paidAnswersTable.reservation, reservation),
    between(index, first, last),
    eq(paidAnswersTable.first, first),
  )
  return queries.select({ receiptId, index, price }).from(paidAnswersTable).where(same).orderBy(index)
}

/** Lowest index of a voucher that was not used here. */
export async function nextIndexOf(queries: Queries, reservation: Hex): Promise<bigint> {
  const [newest] = await queries
    .select({ index: paidAnswersTable.index })
    .from(paidAnswersTable)
    .where(eq(paidAnswersTable.reservation, reservation))
    .orderBy(desc(paidAnswersTable.index))
    .limit(1)
  return newest ? newest.index + 1n : 0n
}

/** Stores an answer, and the batch as it is with it. Call it in one transaction. */
export async function storePaid(
  queries: Queries,
  { batch, signature }: SignedBatch,
  answer: Omit<PaidAnswerRow, 'first' | 'reservation'>,
  about: { terms: ReservationTerms; receiptKey: Hex; expiresAt: bigint },
): Promise<void> {
  const { reservation, first, last, count, total } = batch
  const { terms, receiptKey, expiresAt } = about
  const signed = { last, count, total, batch: toJson(batch), signature, expiresAt }
  await queries
    .insert(batchesTable)
    .values({
      reservation,
      first,
      token: terms.token,
      receiptKey,
      terms: toJson(terms),
      state: 'open',
      ...signed,
    })
    .onConflictDoUpdate({ target: [batchesTable.reservation, batchesTable.first], set: signed })
  await queries.insert(paidAnswersTable).values({ reservation, first, ...answer })
}

/** False when the batch is in none of these states any more. */
export async function moveBatch(
  queries: Queries,
  { reservation, first }: Pick<BatchRow, 'reservation' | 'first'>,
  from: BatchRow['state'][],
  to: Partial<Pick<BatchRow, 'state' | 'reason' | 'nonce'>>,
): Promise<boolean> {
  const same = and(
    eq(batchesTable.reservation, reservation),
    eq(batchesTable.first, first),
    inArray(batchesTable.state, from),
  )
  const moved = await queries
    .update(batchesTable)
    .set(to)
    .where(same)
    .returning({ first: batchesTable.first })
  return moved.length > 0
}

export function batchOf(row: BatchRow): SignedBatch {
  return { batch: parseBatch(row.batch, 'batch'), signature: row.signature }
}
