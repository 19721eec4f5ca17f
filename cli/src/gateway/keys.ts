import { resolve } from 'node:path'
import { EXIT } from '../errors.ts'
import { bold, type Output, plain } from '../output.ts'
import { table } from '../table.ts'
import { loadGateway } from './host.ts'

type Host = Awaited<ReturnType<typeof loadGateway>>
type Database = Awaited<ReturnType<Host['openGatewayDatabase']>>

/** `nacre gateway key new` */
export async function create(options: { config: string; name: string }, output: Output): Promise<number> {
  return withDatabase(options, async ({ newKey }, database) => {
    const { id, key } = await newKey(database, options.name)
    output.line(bold(key))
    output.line(`Key ${id}. It is shown this once: keep it, the database has its hash alone.`)
    output.result({ id, name: options.name, key })
  })
}

/** `nacre gateway key list` */
export async function list(options: { config: string }, output: Output): Promise<number> {
  return withDatabase(options, async ({ listKeys }, database) => {
    const keys = await listKeys(database)
    const rows = keys.map(one => [
      `${one.id}`,
      plain(one.name),
      one.createdAt.toISOString().slice(0, 10),
      one.revokedAt ? `revoked ${one.revokedAt.toISOString().slice(0, 10)}` : 'in force',
      ...[one.requests, one.units, one.sealedBytes].map(count => count.toLocaleString('en')),
    ])
    const header = ['id', 'name', 'made', 'state', 'requests', 'units', 'sealed bytes']
    for (const line of table(header, rows)) output.line(line)
    output.result({
      keys: keys.map(({ id, name, createdAt, revokedAt, requests, units, sealedBytes }) => ({
        ...{ id, name, created_at: createdAt, revoked_at: revokedAt },
        ...{ requests, units, sealed_bytes: sealedBytes },
      })),
    })
  })
}

/** `nacre gateway key revoke ID` */
export async function revoke(id: number, options: { config: string }, output: Output): Promise<number> {
  return withDatabase(options, async ({ revokeKey }, database) => {
    await revokeKey(database, id)
    output.line(`Key ${id} is revoked: gateways refuse it within five seconds.`)
    output.result({ id, revoked: true })
  })
}

async function withDatabase(
  options: { config: string },
  work: (host: Host, database: Database) => Promise<void>,
): Promise<number> {
  const host = await loadGateway()
  const config = host.loadConfig(host.gatewayConfig, resolve(options.config))
  const { logger } = host.createCommon({ name: 'gateway', config, logLevel: 'silent' })
  const database = await host.openGatewayDatabase({ config, logger })
  try {
    await work(host, database)
  } finally {
    await database.close()
  }
  return EXIT.ok
}
