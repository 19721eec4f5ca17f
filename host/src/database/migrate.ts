import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { FatalError } from '../common/errors.ts'

export type MigrateOptions = { pool: pg.Pool; schema: string; folder: string }

/**
 * Applies the SQL files that the schema has not seen, in order, all in one transaction under an advisory lock, so
 * that processes that start together wait for one another. Throws MIGRATION_MISMATCH when an applied file changed.
 */
export async function migrate({ pool, schema, folder }: MigrateOptions): Promise<void> {
  const files = readdirSync(folder)
    .filter(name => name.endsWith('.sql'))
    .sort()
    .map(name => ({ name, sql: readFileSync(join(folder, name), 'utf8') }))
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(`select pg_advisory_xact_lock(hashtext($1))`, [`nacre:${schema}`])
    await client.query(`create schema if not exists ${schema}`)
    await client.query('create table if not exists migrations (name text primary key, sha256 text not null)')
    for (const file of files) await apply(client, schema, file)
    await client.query('commit')
    client.release()
  } catch (error) {
    client.release(true)
    throw error
  }
}

async function apply(
  client: pg.PoolClient,
  schema: string,
  { name, sql }: { name: string; sql: string },
): Promise<void> {
  const sha256 = createHash('sha256').update(sql).digest('hex')
  const { rows } = await client.query<{ sha256: string }>('select sha256 from migrations where name = $1', [
    name,
  ])
  if (rows[0]?.sha256 === sha256) return
  if (rows[0]) {
    throw new FatalError(
      'MIGRATION_MISMATCH',
      `Migration ${name} of schema ${schema} is not the one that was applied.`,
      {
        fix: 'Run the version that made this database, or add a new migration instead of changing an old one.',
      },
    )
  }
  await client.query(sql)
  await client.query('insert into migrations (name, sha256) values ($1, $2)', [name, sha256])
}
