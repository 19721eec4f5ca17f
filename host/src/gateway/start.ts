import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, type Policy, parsePolicy } from '@nacre/verify'
import { describeError, FatalError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { listen } from '../common/listen.ts'
import { retry } from '../common/wait.ts'
import { connect, type Database } from '../database/connect.ts'
import type { GatewayConfig } from './config.ts'
import { createHttp } from './http.ts'
import { createKeyBook } from './keys.ts'
import { createMetrics } from './metrics.ts'
import { createPool } from './pool.ts'
import { createUsageBook } from './usage.ts'

/**
 * A gateway, whole: it looks at operators, and passes calls of the OpenAI API to their enclaves. What it knows is in
 * PostgreSQL or read again, so that any number of them serve beside one another. Resolves when every operator was looked
 * at once; everything opened is closed by `common.shutdown`.
 */
export async function startGateway(common: Common<GatewayConfig>): Promise<{ url: string }> {
  const { config, logger, shutdown } = common
  const policy = readPolicy(config.policyFile)
  if (!policy) logger.warn('no policyFile: calls go to any enclave that operators name, attested or not')
  const database = await retry(() => openGatewayDatabase(common), { signal: shutdown.signal, attempts: 5 })
  shutdown.onClose('database', database.close)
  const usage = createUsageBook({ common, database })
  shutdown.onClose('usage', usage.close)
  const pool = createPool(common, policy)
  shutdown.onClose('pool', pool.close)
  const metrics = createMetrics({ registry: common.metrics, enclaves: () => pool.serving().length })
  const http = createHttp({ common, metrics, pool, usage, keys: createKeyBook(database) })
  await pool.looked
  const { url, close } = await listen(http.fetch, { ...config.http, most: config.maxConnections })
  shutdown.onClose('http', close)
  return { url }
}

/** The database with keys and usage. Throws DATABASE_UNAVAILABLE, MIGRATION_MISMATCH. */
export function openGatewayDatabase({
  config,
  logger,
}: Pick<Common<Pick<GatewayConfig, 'databaseUrl' | 'schema'>>, 'config' | 'logger'>): Promise<Database> {
  return connect({
    databaseUrl: config.databaseUrl,
    schema: config.schema,
    migrations: join(import.meta.dirname, 'migrations'),
    onError: error => logger.warn(describeError(error), 'database connection lost'),
  })
}

function readPolicy(file: string | undefined): Policy | undefined {
  if (file === undefined) return undefined
  try {
    return parsePolicy(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new FatalError('CONFIG_INVALID', `The policy ${file} cannot be used: ${messageOf(cause)}.`, {
      fix: 'Name a policy as nacre receipt verify takes it, or leave policyFile out.',
      cause,
    })
  }
}
