import { createHash, randomBytes } from 'node:crypto'
import { FatalError } from '../common/errors.ts'
import { type Database, databaseError } from '../database/connect.ts'
import { and, asc, eq, isNull } from '../database/drizzle.ts'
import { apiKeysTable, usageTable } from './tables.ts'

/** A key as it is listed: it itself is told once, when it is made. */
export type ApiKey = { id: number; name: string; createdAt: Date; revokedAt: Date | null }

/** Enough for every key in use; the one that was looked up longest ago goes first. */
const MAX_KNOWN = 10_000
/** A key that is revoked is refused after so long, at every gateway. */
const KNOWN_MS = 5_000

/** Makes a key: 32 random bytes, of which the database keeps the hash. */
export async function newKey(
  { queries }: Pick<Database, 'queries'>,
  name: string,
): Promise<{ id: number; key: string }> {
  const key = `nk-${randomBytes(32).toString('base64url')}`
  const [row] = await queries
    .insert(apiKeysTable)
    .values({ hash: hashOf(key), name })
    .returning()
  return { id: row!.id, key }
}

/** All keys with what was asked with them, oldest first. */
export async function listKeys({ queries }: Pick<Database, 'queries'>): Promise<(ApiKey & Usage)[]> {
  const keys = await queries.select().from(apiKeysTable).orderBy(asc(apiKeysTable.id))
  const used = await queries.select().from(usageTable)
  return keys.map(({ id, name, createdAt, revokedAt }) => {
    const own = used.filter(({ key }) => key === id)
    const sum = (field: keyof Usage) => own.reduce((total, row) => total + row[field], 0)
    const usage = { requests: sum('requests'), units: sum('units'), sealedBytes: sum('sealedBytes') }
    return { id, name, createdAt, revokedAt, ...usage }
  })
}

export type Usage = { requests: number; units: number; sealedBytes: number }

/** Ends a key. Throws NOT_FOUND for one that is not, or was ended before. */
export async function revokeKey({ queries }: Pick<Database, 'queries'>, id: number): Promise<void> {
  const ended = await queries
    .update(apiKeysTable)
    .set({ revokedAt: new Date() })
    .where(and(eq(apiKeysTable.id, id), isNull(apiKeysTable.revokedAt)))
    .returning()
  if (ended.length === 0)
    throw new FatalError('NOT_FOUND', `There is no key ${id} that could be revoked.`, {
      fix: 'nacre gateway key list names the keys.',
    })
}

/** Looks keys up. */
export type KeyBook = {
  /** The id of a key that is in force; undefined for any other text. Throws DATABASE_UNAVAILABLE. */
  find(key: string): Promise<number | undefined>
}

/** Keys are found by their hash: how long that takes tells nothing of them. What was found is known for a while. */
export function createKeyBook({ queries }: Pick<Database, 'queries'>): KeyBook {
  const known = new Map<string, { id: number | undefined; until: number }>()
  return {
    async find(key) {
      const hash = hashOf(key)
      const before = known.get(hash)
      if (before && performance.now() < before.until) return before.id
      const id = await lookUp(queries, hash)
      known.delete(hash)
      known.set(hash, { id, until: performance.now() + KNOWN_MS })
      if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!)
      return id
    },
  }
}

async function lookUp(queries: Database['queries'], hash: string): Promise<number | undefined> {
  try {
    const inForce = and(eq(apiKeysTable.hash, hash), isNull(apiKeysTable.revokedAt))
    const [row] = await queries.select({ id: apiKeysTable.id }).from(apiKeysTable).where(inForce)
    return row?.id
  } catch (error) {
    throw databaseError(error)
  }
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
