import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { FatalError, HostError, RetryableError } from '../common/errors.ts'
import { drizzle } from './drizzle.ts'
import { migrate } from './migrate.ts'

export type DatabaseOptions = {
  databaseUrl: string
  /** The service's own schema; made when it is missing. */
  schema: string
  /** Folder of `0001_name.sql` files, applied in order. */
  migrations: string
  onError?: (error: Error) => void
}

export type Queries = NodePgDatabase

/** A service's database: queries by Drizzle within its own schema. */
export type Database = {
  queries: Queries
  /** All or nothing; throws what `work` throws, connection failures as DATABASE_UNAVAILABLE (retryable). */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/**
 * Connects and brings the schema up to date.
 * Throws DATABASE_UNAVAILABLE (retryable), MIGRATION_MISMATCH, CONFIG_INVALID for a schema name that is not plain.
 */
export async function connect({
  databaseUrl,
  schema,
  migrations,
  onError,
}: DatabaseOptions): Promise<Database> {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(schema)) {
    throw new FatalError('CONFIG_INVALID', `"${schema}" is not a schema name.`, {
      fix: 'Use lower-case letters, digits and underscores, at most 63.',
    })
  }
  const pool = new pg.Pool({ connectionString: databaseUrl, options: `-c search_path=${schema}`, max: 10 })
  pool.on('error', error => onError?.(error))
  // A connection that breaks between two queries of a transaction tells it here only; unheard, it ends the process.
  pool.on('connect', client => client.on('error', () => {}))
  try {
    await migrate({ pool, schema, folder: migrations })
  } catch (error) {
    await pool.end()
    throw databaseError(error)
  }
  const queries = drizzle(pool)
  const transaction: Database['transaction'] = async work => {
    // Not by the pool: Drizzle keeps a client whose `begin` fails, and ten of them would be all there are.
    const client = await pool.connect().catch(error => Promise.reject(databaseError(error)))
    try {
      return await drizzle(client).transaction(transaction => work(transaction))
    } catch (error) {
      throw databaseError(error)
    } finally {
      client.release()
    }
  }
  return { queries, transaction, close: () => pool.end() }
}

/** A lost or refused connection is worth another try; anything else stays what it is. */
export function databaseError(error: unknown): unknown {
  if (error instanceof HostError) return error
  const root = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!isConnectionError(root)) return error
  return new RetryableError(
    'DATABASE_UNAVAILABLE',
    `The database cannot be reached: ${(root as Error).message}.`,
    {
      fix: 'Check DATABASE_URL and that PostgreSQL runs; work continues when it is back.',
      cause: error,
    },
  )
}

/** SQLSTATE classes 08 (connection) and 57P (shutdown), socket errors, and pg's own messages for a cut connection. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && /^(08|57P|ECONN|ENOTFOUND|EPIPE|ETIMEDOUT)/.test(code)) return true
  return /Connection terminated|connection is closed|is not queryable/i.test(error.message)
}
