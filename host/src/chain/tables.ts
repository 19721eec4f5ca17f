import type { Hex } from 'viem'
import { bigint, boolean, pgTable, text } from '../database/drizzle.ts'

/** What the store was made for, and how far the chain was read. */
export const cursorTable = pgTable('cursor', {
  one: boolean().primaryKey().default(true),
  chainId: bigint('chain_id', { mode: 'number' }).notNull(),
  genesisHash: text('genesis_hash').$type<Hex>().notNull(),
  relay: text().$type<Hex>().notNull(),
  number: bigint({ mode: 'bigint' }).notNull(),
  hash: text().$type<Hex>().notNull(),
})

/** The last blocks read. */
export const blocksTable = pgTable('blocks', {
  number: bigint({ mode: 'bigint' }).primaryKey(),
  hash: text().$type<Hex>().notNull(),
})
