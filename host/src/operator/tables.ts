import type { Hex } from 'viem'
import { bigint, jsonb, numeric, pgTable, text, timestamp } from '../database/drizzle.ts'

/** States of a request: docs/operating.md, States of a request. */
export type RequestState =
  | 'seen'
  | 'answered'
  | 'submitted'
  | 'fulfilled'
  | 'expired'
  | 'skipped'
  | 'orphaned'

/** How a request ended on chain. */
export type Outcome = {
  event: 'Fulfilled' | 'Expired'
  transaction: Hex
  operator: Hex
  receiptId?: Hex
  status?: number
}

export const requestsTable = pgTable('requests', {
  id: text().$type<Hex>().notNull(),
  blockHash: text('block_hash').$type<Hex>().notNull(),
  blockNumber: bigint('block_number', { mode: 'bigint' }).notNull(),
  artifact: text().$type<Hex>().notNull(),
  consumer: text().$type<Hex>().notNull(),
  deadline: bigint({ mode: 'bigint' }).notNull(),
  /** The chain's `Request`, integers as decimal strings. */
  request: jsonb().notNull(),
  /** Null until it was fetched. */
  input: text().$type<Hex>(),
  /** Of a request by hash: where its input is, a URL in UTF-8, or the input itself. */
  source: text().$type<Hex>(),
  /** Of a request by hash: who took the duty on chain. */
  acceptedBy: text('accepted_by').$type<Hex>(),
  state: text().$type<RequestState>().notNull(),
  reason: text(),
  /** The receipt bundle's JSON, stored before anything is submitted. */
  bundle: jsonb(),
  receiptKey: text('receipt_key').$type<Hex>(),
  nonce: bigint({ mode: 'bigint' }),
  outcome: jsonb().$type<Outcome>(),
  outcomeBlock: bigint('outcome_block', { mode: 'bigint' }),
  seenAt: timestamp('seen_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
})

export type RequestRow = typeof requestsTable.$inferSelect

export const transactionsTable = pgTable('transactions', {
  nonce: bigint({ mode: 'bigint' }).primaryKey(),
  purpose: text().notNull(),
  target: text().$type<Hex>().notNull(),
  data: text().$type<Hex>().notNull(),
  gas: bigint({ mode: 'bigint' }).notNull(),
  state: text().$type<'pending' | 'mined'>().notNull(),
  hash: text().$type<Hex>(),
  blockNumber: bigint('block_number', { mode: 'bigint' }),
  /** lost: the nonce was used by a transaction that is not ours. */
  status: text().$type<'success' | 'reverted' | 'lost'>(),
  gasUsed: bigint('gas_used', { mode: 'bigint' }),
  gasPrice: numeric('gas_price', { mode: 'bigint' }),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})

export type TransactionRow = typeof transactionsTable.$inferSelect

export const attemptsTable = pgTable('attempts', {
  hash: text().$type<Hex>().primaryKey(),
  nonce: bigint({ mode: 'bigint' }).notNull(),
  raw: text().$type<Hex>().notNull(),
  maxFee: numeric('max_fee', { mode: 'bigint' }).notNull(),
  priorityFee: numeric('priority_fee', { mode: 'bigint' }).notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})

export type AttemptRow = typeof attemptsTable.$inferSelect
