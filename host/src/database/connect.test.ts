import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Postgres } from '../processes/postgres.ts'
import { connect, type Database } from './connect.ts'
import { sql } from './drizzle.ts'
import { temporaryPostgres } from './testing.ts'

let server: Postgres
const opened: Database[] = []

beforeAll(async () => {
  server = await temporaryPostgres()
})

afterAll(async () => {
  await Promise.all(opened.map(database => database.close()))
  await server.stop()
})

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'nacre-migrations-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function open(schema: string, migrations: string): Promise<Database> {
  const database = await connect({ databaseUrl: server.databaseUrl, schema, migrations })
  opened.push(database)
  return database
}

const FIRST = { '0001_a.sql': 'create table a (n int); insert into a values (1);' }
const SECOND = { ...FIRST, '0002_b.sql': 'alter table a add column m int default 5;' }

test('migrations run once, in order, and new ones are added later', async () => {
  await open('ordered', folderOf(FIRST))
  await open('ordered', folderOf(FIRST))
  const database = await open('ordered', folderOf(SECOND))
  expect((await database.queries.execute(sql`select n, m from a`)).rows).toEqual([{ n: 1, m: 5 }])
})

test('four that start together apply each migration once', async () => {
  const folder = folderOf(SECOND)
  const all = await Promise.all([1, 2, 3, 4].map(() => open('together', folder)))
  expect((await all[0]!.queries.execute(sql`select count(*)::int as n from a`)).rows).toEqual([{ n: 1 }])
})

test('a migration that fails leaves nothing behind', async () => {
  const broken = folderOf({ ...FIRST, '0002_b.sql': 'create table b (n int); select no_such_function();' })
  await expect(open('broken', broken)).rejects.toThrow('no_such_function')
  const database = await open('broken', folderOf(FIRST))
  expect((await database.queries.execute(sql`select count(*)::int as n from a`)).rows).toEqual([{ n: 1 }])
})

test('an applied migration that was edited is refused', async () => {
  await open('edited', folderOf(FIRST))
  const edited = folderOf({ '0001_a.sql': 'create table a (n bigint);' })
  await expect(open('edited', edited)).rejects.toMatchObject({ code: 'MIGRATION_MISMATCH' })
})

test('services do not see each other, and a transaction is all or nothing', async () => {
  const [one, two] = await Promise.all([open('one', folderOf(FIRST)), open('two', folderOf(FIRST))])
  const failing = one.transaction(async queries => {
    await queries.execute(sql`insert into a values (2)`)
    throw new Error('stop')
  })
  await expect(failing).rejects.toThrow('stop')
  await two.transaction(queries => queries.execute(sql`insert into a values (3)`))
  expect((await one.queries.execute(sql`select n from a`)).rows).toEqual([{ n: 1 }])
  expect((await two.queries.execute(sql`select n from a order by n`)).rows).toEqual([{ n: 1 }, { n: 3 }])
})

test('connections that end within a transaction are errors worth another try, and leave the pool whole', async () => {
  const database = await open('ended', folderOf(FIRST))
  for (let round = 0; round < 12; round++) {
    const ended = database.transaction(async queries => {
      const { rows } = await queries.execute(sql`select pg_backend_pid() as pid`)
      await database.queries.execute(sql`select pg_terminate_backend(${rows[0]!.pid}, 10000)`)
      await queries.execute(sql`insert into a values (2)`)
    })
    await expect(ended).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  }
  expect((await database.queries.execute(sql`select n from a`)).rows).toEqual([{ n: 1 }])
})

test('a schema name is never taken as SQL, and a database that is away can be retried', async () => {
  await expect(open('a; drop table a', folderOf({}))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  const away = {
    databaseUrl: 'postgres://nacre@127.0.0.1:1/postgres',
    schema: 'away',
    migrations: folderOf({}),
  }
  await expect(connect(away)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', name: 'RetryableError' })
})
