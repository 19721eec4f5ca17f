import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { isRunning } from './identity.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { spawnChild } from './supervise.ts'

const opened: Postgres[] = []
const folder = () => mkdtempSync(join(tmpdir(), 'nacre-postgres-'))

afterEach(async () => {
  await Promise.all(opened.splice(0).map(server => server.stop()))
})

async function start(dir: string, port = 0): Promise<Postgres> {
  const server = await startPostgres({ dir, port })
  opened.push(server)
  return server
}

async function query(server: { databaseUrl: string }, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.databaseUrl })
  client.on('error', () => {})
  await client.connect()
  return client
    .query(text)
    .then(({ rows }) => rows as Record<string, unknown>[])
    .finally(() => client.end())
}

test('rows survive kill -9 of the server, and the folder starts again', async () => {
  const dir = folder()
  const first = await start(dir)
  await query(first, 'create table kept (n int); insert into kept values (1), (2)')
  process.kill(first.pid, 'SIGKILL')
  await first.exited
  await first.stop()
  const second = await start(dir)
  expect(await query(second, 'select sum(n)::int as sum from kept')).toEqual([{ sum: 3 }])
  expect(await query(second, 'show fsync')).toEqual([{ fsync: 'on' }])
})

test('a second user of the folder is refused and the first is not disturbed', async () => {
  const dir = folder()
  const first = await start(dir)
  await expect(startPostgres({ dir })).rejects.toMatchObject({ code: 'STATE_IN_USE' })
  expect(await query(first, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('it never runs as root, and only the right password opens it', async () => {
  const server = await start(folder())
  const uid = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1])
  expect(uid).not.toBe(0)
  const wrong = server.databaseUrl.replace(/nacre:[^@]*/, 'nacre:wrong')
  await expect(query({ databaseUrl: wrong }, 'select 1')).rejects.toThrow('password')
})

test('it stops in order and leaves no process', async () => {
  const server = await start(folder())
  await server.stop()
  expect(isRunning(server.pid)).toBe(false)
})

test('it dies with a parent that was killed, and the next start finds all rows', async () => {
  const dir = folder()
  const script = `import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'postgres.ts'))}
    console.log(JSON.stringify(await startPostgres({ dir: ${JSON.stringify(dir)} })))`
  const { promise: line, resolve } = Promise.withResolvers<string>()
  const parent = spawnChild({
    command: process.execPath,
    args: ['--input-type=module', '-e', script],
    onLine: resolve,
  })
  const server = JSON.parse(await line) as Postgres
  await query(server, 'create table kept as select 7 as n')
  process.kill(parent.pid, 'SIGKILL')
  await parent.exited
  expect(await query(await start(dir), 'select n from kept')).toEqual([{ n: 7 }])
  expect(isRunning(server.pid)).toBe(false)
})

test('a port in use is a clear error, and the folder is free again', async () => {
  const dir = folder()
  const busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const { port } = busy.address() as { port: number }
  await expect(startPostgres({ dir, port })).rejects.toMatchObject({ code: 'PORT_IN_USE' })
  busy.close()
  await start(dir)
})

test('an initdb that was interrupted is started over; the password file is private', async () => {
  const dir = folder()
  mkdirSync(join(dir, 'data'))
  writeFileSync(join(dir, 'data', 'PG_VERSION'), '18\n')
  await start(dir)
  expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600)
})
