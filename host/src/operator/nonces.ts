import type { Queries } from '../database/connect.ts'
import { and, asc, desc, eq, getTableColumns, gt, gte, inArray, or, sql } from '../database/drizzle.ts'
import { type AttemptRow, attemptsTable, type TransactionRow, transactionsTable } from './tables.ts'

const UNMINED = {
  state: 'pending' as const,
  hash: null,
  blockNumber: null,
  status: null,
  gasUsed: null,
  gasPrice: null,
}

/** The lowest nonce that the chain has not used and that no stored transaction has. */
export async function freeNonce(queries: Queries, used: bigint): Promise<bigint> {
  const { nonce } = transactionsTable
  const taken = await queries
    .select({ nonce })
    .from(transactionsTable)
    .where(gte(nonce, used))
    .orderBy(asc(nonce))
  let free = used
  for (const row of taken) {
    if (row.nonce !== free) break
    free++
  }
  return free
}

/** Nonces below the last pending one that nobody holds: without them the chain never mines what follows. */
export function gaps(used: bigint, pending: TransactionRow[]): bigint[] {
  const held = new Set(pending.map(({ nonce }) => nonce))
  const last = pending.at(-1)?.nonce ?? used
  const missing: bigint[] = []
  for (let nonce = used; nonce < last; nonce++) if (!held.has(nonce)) missing.push(nonce)
  return missing
}

/** What is not mined, lowest nonce first. Nonces that the chain takes again (it was set back) are pending again. */
export async function pendingRows(queries: Queries, used: bigint): Promise<TransactionRow[]> {
  const { state, nonce } = transactionsTable
  const rows = await queries
    .select()
    .from(transactionsTable)
    .where(or(eq(state, 'pending'), gte(nonce, used)))
    .orderBy(nonce)
  if (rows.every(row => row.state === 'pending')) return rows
  const freed = and(eq(state, 'mined'), gte(nonce, used))
  await queries.update(transactionsTable).set(UNMINED).where(freed)
  return rows.map(row => (row.state === 'pending' ? row : { ...row, ...UNMINED }))
}

/** A signed form, and how long ago it was made, by the database's clock, which dated it. */
export type Attempt = AttemptRow & { ageMs: number }

/** Every signed form of these nonces, lowest fee first. */
export async function attemptsOf(queries: Queries, rows: TransactionRow[]): Promise<Attempt[]> {
  const nonces = rows.map(({ nonce }) => nonce)
  const ageMs = sql`extract(epoch from now() - ${attemptsTable.createdAt}) * 1000`.mapWith(Number)
  const found = await queries
    .select({ ...getTableColumns(attemptsTable), ageMs })
    .from(attemptsTable)
    .where(inArray(attemptsTable.nonce, nonces))
    .orderBy(desc(attemptsTable.maxFee))
  return found.reverse()
}

/** In the transaction that moves the cursor back: what dropped blocks had mined is pending again. */
export async function rewindTransactions(queries: Queries, ancestor: bigint): Promise<void> {
  await queries.update(transactionsTable).set(UNMINED).where(gt(transactionsTable.blockNumber, ancestor))
}
