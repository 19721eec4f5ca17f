import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Postgres, startPostgres } from '../processes/postgres.ts'

/** A throw-away PostgreSQL for one test file. */
export async function temporaryPostgres(): Promise<Postgres> {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-test-'))
  const server = await startPostgres({ dir })
  return { ...server, stop: () => server.stop().finally(() => rmSync(dir, { recursive: true, force: true })) }
}
