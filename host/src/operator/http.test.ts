import { join } from 'node:path'
import { type Hex, receiptId, toJson } from '@nacre/verify'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBundle } from '../../../test/authority/index.ts'
import { connect, type Database } from '../database/connect.ts'
import { temporaryPostgres } from '../database/testing.ts'
import type { Postgres } from '../processes/postgres.ts'
import { createHttp } from './http.ts'
import { type Outcome, requestsTable } from './tables.ts'

const bundle = createBundle()
const own = receiptId({ chainId: bundle.chainId, registry: bundle.registry }, bundle.receipt)
const others: Hex = `0x${'0d'.repeat(32)}`

let server: Postgres
let database: Database

beforeAll(async () => {
  server = await temporaryPostgres()
  const migrations = join(import.meta.dirname, 'migrations')
  database = await connect({ databaseUrl: server.databaseUrl, schema: 'http', migrations })
})

afterAll(async () => {
  await database?.close()
  await server?.stop()
})

test.each([
  ['while the request is open', 1, null, true],
  ['when the chain accepted it', 2, endedBy('Fulfilled', own), true],
  ['not when the chain accepted another operator’s', 3, endedBy('Fulfilled', others), false],
  ['when the request was refunded: it is what was not taken', 4, endedBy('Expired'), true],
])('a receipt is shown %s', async (_, number, outcome, isShown) => {
  const id: Hex = `0x${String(number).padStart(64, '0')}`
  await store(id, outcome)
  const shown = (await (await http().request(`/v1/requests/${id}`)).json()) as { bundle: unknown }
  expect(shown).toMatchObject({ id, outcome })
  expect(shown.bundle).toEqual(isShown ? toJson(bundle) : null)
})

function endedBy(event: Outcome['event'], receipt?: Hex): Outcome {
  return { event, transaction: others, operator: '0x', ...(receipt && { receiptId: receipt }) }
}

async function store(id: Hex, outcome: Outcome | null): Promise<void> {
  const request = { id, blockHash: others, blockNumber: 1n, deadline: 1n, request: {} }
  const asked = { artifact: others, consumer: others, input: others }
  const state = outcome === null ? ('submitted' as const) : ('fulfilled' as const)
  await database.queries
    .insert(requestsTable)
    .values({ ...request, ...asked, state, bundle: toJson(bundle), outcome })
}

function http() {
  return createHttp({
    database,
    metrics: new Registry(),
    enclave: () => undefined,
    isKnown: () => true,
    head: () => undefined,
    release: {},
    payments: undefined,
    paymentRequired: false,
    maxInput: 1,
  })
}
