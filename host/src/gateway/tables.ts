import { bigint, date, integer, pgTable, primaryKey, text, timestamp } from '../database/drizzle.ts'

export const apiKeysTable = pgTable('api_keys', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  /** SHA-256 of the key, lower-case hex. */
  hash: text().notNull(),
  name: text().notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  revokedAt: timestamp('revoked_at', { withTimezone: true }),
})

export const usageTable = pgTable(
  'usage',
  {
    key: integer().notNull(),
    /** UTC. */
    day: date().notNull(),
    requests: bigint({ mode: 'number' }).notNull(),
    units: bigint({ mode: 'number' }).notNull(),
    sealedBytes: bigint('sealed_bytes', { mode: 'number' }).notNull(),
  },
  table => [primaryKey({ columns: [table.key, table.day] })],
)
