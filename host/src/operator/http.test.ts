import { join } from 'node:path'
import { type Hex, receiptId, toJson } from '@nacre/verify'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBundle } from '../../../test/mock-authority/index.ts'
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

test('the longest input leaves room for a voucher, and a longer one is refused', async () => {
  const zero = `0x${'00'.repeat(20)}`
  const terms = { payer: zero, signer: zero, operator: zero, token: zero, releaseId: others, assurance: 1 }
  const most = '9'.repeat(77)
  const payment = {
    terms: { ...terms, salt: '18446744073709551615' },
    index: Number.MAX_SAFE_INTEGER,
    maxOutput: 2 ** 32 - 1,
    maxPrice: most,
    signature: `0x${'00'.repeat(65)}`,
  }
  const post = async (input: string) => {
    const body = JSON.stringify({ nonce: others, artifact: others, input, payment })
    const headers = { 'content-type': 'application/json', 'content-length': `${body.length}` }
    return (await http(5_000).request('/v1/infer', { method: 'POST', headers, body })).status
  }
  // No vouchers are taken here: what is said after the body was read.
  expect(await post(`0x${'00'.repeat(5_000)}`)).toBe(402)
  expect(await post(`0x${'00'.repeat(8_000)}`)).toBe(413)
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

function http(maxInput = 1) {
  return createHttp({
    database,
    metrics: new Registry(),
    enclave: () => undefined,
    isKnown: () => true,
    head: () => undefined,
    release: {},
    payments: undefined,
    paymentRequired: false,
    maxInput,
  })
}
