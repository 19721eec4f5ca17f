import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { Database } from '../database/connect.ts'
import { sql } from '../database/drizzle.ts'
import type { Usage } from './keys.ts'
import { usageTable } from './tables.ts'

/** Counts what is asked with keys. Several gateways add to the same rows. */
export type UsageBook = {
  add(key: number, used: Usage): void
  /** Writes what is counted; what cannot be written is kept for the next time. */
  flush(): Promise<void>
  close(): Promise<void>
}

const FLUSH_MS = 1_000

export function createUsageBook({
  common,
  database,
}: {
  common: Pick<Common<unknown>, 'logger'>
  database: Pick<Database, 'queries'>
}): UsageBook {
  let counted = new Map<number, Usage>()
  let writing = Promise.resolve()

  const add = (key: number, used: Usage) => {
    const sum = counted.get(key) ?? { requests: 0, units: 0, sealedBytes: 0 }
    sum.requests += used.requests
    sum.units += used.units
    sum.sealedBytes += used.sealedBytes
    counted.set(key, sum)
  }

  async function write(): Promise<void> {
    const taken = counted
    if (taken.size === 0) return
    counted = new Map()
    try {
      await insert(database.queries, taken)
    } catch (error) {
      for (const [key, used] of taken) add(key, used)
      common.logger.warn(describeError(error), 'usage was not written, it is kept for the next time')
    }
  }

  const flush = () => {
    writing = writing.then(write)
    return writing
  }
  const timer = setInterval(flush, FLUSH_MS)
  return {
    add,
    flush,
    close: () => {
      clearInterval(timer)
      return flush()
    },
  }
}

async function insert(queries: Database['queries'], counted: Map<number, Usage>): Promise<void> {
  const day = new Date().toISOString().slice(0, 10)
  const plus = (column: string) => sql.raw(`usage.${column} + excluded.${column}`)
  await queries
    .insert(usageTable)
    // In one order at every gateway: two that write the same rows do not wait for each other in a circle.
    .values(
      [...counted].toSorted(([one], [other]) => one - other).map(([key, used]) => ({ key, day, ...used })),
    )
    .onConflictDoUpdate({
      target: [usageTable.key, usageTable.day],
      set: { requests: plus('requests'), units: plus('units'), sealedBytes: plus('sealed_bytes') },
    })
}
