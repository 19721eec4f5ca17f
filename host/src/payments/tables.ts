import type { Hex } from 'viem'
import { bigint, integer, jsonb, numeric, pgTable, text, timestamp } from '../database/drizzle.ts'

/**
 * open: answers are counted in. closed: to be settled. submitted: the settlement has a nonce, and that transaction's row
 * says the rest, so that a reorganisation which drops it needs nothing here. settled: mined so long ago that none drops it.
 * ended: it will not be settled, and why.
 */
export type BatchState = 'open' | 'closed' | 'submitted' | 'settled' | 'ended'

export const batchesTable = pgTable('batches', {
  reservation: text().$type<Hex>().notNull(),
  first: bigint({ mode: 'bigint' }).notNull(),
  last: bigint({ mode: 'bigint' }).notNull(),
  count: integer().notNull(),
  total: numeric({ mode: 'bigint' }).notNull(),
  token: text().$type<Hex>().notNull(),
  /** Whose signature it has: an enclave that ended counts no more. */
  receiptKey: text('receipt_key').$type<Hex>().notNull(),
  terms: jsonb().notNull(),
  batch: jsonb().notNull(),
  signature: text().$type<Hex>().notNull(),
  /** When the payer may take back what is left, seconds, as it was read last. */
  expiresAt: bigint('expires_at', { mode: 'bigint' }).notNull(),
  state: text().$type<BatchState>().notNull(),
  reason: text(),
  nonce: bigint({ mode: 'bigint' }),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})

export type BatchRow = typeof batchesTable.$inferSelect

export const paidAnswersTable = pgTable('paid_answers', {
  reservation: text().$type<Hex>().notNull(),
  index: bigint({ mode: 'bigint' }).notNull(),
  first: bigint({ mode: 'bigint' }).notNull(),
  requestId: text('request_id').$type<Hex>().notNull(),
  receiptId: text('receipt_id').$type<Hex>().notNull(),
  price: numeric({ mode: 'bigint' }).notNull(),
  /** Null when its batch is over for so long that nobody is given the answer again. */
  bundle: jsonb(),
})

export type PaidAnswerRow = typeof paidAnswersTable.$inferSelect
