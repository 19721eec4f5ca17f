import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { enclaveRegistryAbi, verifierEnclaveAbi } from '@nacre/contracts'
import { type Evidence, type Hex, toHex, ZERO_HASH } from '@nacre/verify'
import { pino } from 'pino'
import { type Abi, numberToHex, toFunctionSelector } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Attested, createRegistrations, type Registrations } from '../../../test/registrations.ts'
import { startRpcProxy } from '../../testing/rpcProxy.ts'
import { createClient } from '../chain/client.ts'
import { createNodes } from '../chain/nodes.ts'
import { connect, type Database } from '../database/connect.ts'
import { temporaryPostgres } from '../database/testing.ts'
import { type Anvil, startAnvil } from '../processes/anvil.ts'
import type { Postgres } from '../processes/postgres.ts'
import { claimKey } from './claims.ts'
import { withdrawDead } from './deadKeys.ts'
import { keyState, type RegisterOptions, register } from './register.ts'
import { transactionsTable } from './tables.ts'
import { createTransactions, type Transactions } from './transactions.ts'

const IS_CLAIMED = toFunctionSelector(
  (verifierEnclaveAbi as Abi).find(entry => entry.type === 'function' && entry.name === 'isClaimed') as never,
)

// A chain of this file's own: tests stop it from mining.
let anvil: Anvil
let server: Postgres
let database: Database
let world: Registrations
let transactions: Transactions
let checking: NodeJS.Timeout

beforeAll(async () => {
  ;[anvil, server] = await Promise.all([startAnvil(), temporaryPostgres()])
  world = await createRegistrations(anvil.rpcUrl, 0)
  const migrations = join(import.meta.dirname, 'migrations')
  database = await connect({ databaseUrl: server.databaseUrl, schema: 'register', migrations })
  const account = privateKeyToAccount(world.privateKey)
  const nodes = createNodes({ rpcUrl: anvil.rpcUrl })
  transactions = createTransactions({ nodes, account, chainId: 31_337, database })
  checking = setInterval(() => void transactions.check().catch(() => {}), 50)
})
afterAll(async () => {
  clearInterval(checking)
  await database?.close()
  await server?.stop()
  await anvil?.stop()
})

test('a step whose nonce another program of the account used is sent again, of the same enclave', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'overtaken' })
  await world.chain.setAutomine(false)
  const running = registered(attested, 'overtaken')
  await pendingIs(1)
  const nonce = await world.client.getTransactionCount({ address: world.wallet.account.address })
  const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 12n }
  const to = world.stranger.account.address
  await world.wallet.sendTransaction({ to, value: 1n, nonce, ...fees } as never)
  await world.chain.mine({ blocks: 1 })
  await world.chain.setAutomine(true)
  await running
  const { identity, config } = attested
  const { enclaveRegistry } = world.deployment
  expect(await keyState(world.client, enclaveRegistry, { identity, config })).toBe('registered')
  const rows = await database.queries.select().from(transactionsTable).orderBy(transactionsTable.nonce)
  const { receiptKey } = identity
  expect(rows.map(({ purpose, status }) => [purpose, status])).toEqual([
    [`certificate:${receiptKey}`, 'lost'],
    [`certificate:${receiptKey}`, 'success'],
    [`register:${receiptKey}`, 'success'],
  ])
})

test('evidence that is not what it is called is refused, and that of no contract for good', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'miscalled' })
  await expect(registered(attested, 'miscalled', 'nitro')).rejects.toMatchObject({
    name: 'RetryableError',
    code: 'EVIDENCE_REJECTED',
    message: expect.stringContaining('it is simulated'),
  })
  await expect(registered(attested, 'miscalled', 'tdx')).rejects.toMatchObject({
    name: 'FatalError',
    code: 'EVIDENCE_REJECTED',
  })
})

test('nothing is sent for an enclave that ends while its registration waits for its turn', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'ended' })
  const [before, gate, queued] = [
    await rowCount(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ]
  const other = { purpose: 'other', target: world.stranger.account.address, data: '0x' as const }
  const first = transactions.send(other, 21_000n, () => gate.promise)
  const ended = new AbortController()
  const watched: Transactions = {
    ...transactions,
    send: (...intent) => {
      queued.resolve()
      return transactions.send(...intent)
    },
  }
  const running = registered(attested, 'ended', 'simulated', { transactions: watched, ended: ended.signal })
  const outcome = expect(running).rejects.toThrow('it ended')
  await queued.promise
  ended.abort(new Error('it ended'))
  gate.resolve()
  await outcome
  await transactions.mined(await first)
  expect(await rowCount()).toBe(before + 1)
  expect(await keyState(world.client, world.deployment.enclaveRegistry, attested)).toBe('unknown')
})

test('what waits for keys of enclaves that have ended is withdrawn, and nothing else', async () => {
  await world.chain.setAutomine(false)
  const [alive, dead]: Hex[] = [`0x${'a1'.repeat(20)}`, `0x${'de'.repeat(20)}`]
  const target = world.stranger.account.address
  const purposes = [
    `register:${alive}`,
    `certificate:${dead}`,
    `register:${dead}`,
    `claim:${dead}:${target}`,
    `fulfil:${dead}`,
  ]
  const nonces: bigint[] = []
  for (const purpose of purposes)
    nonces.push(await transactions.send({ purpose, target, data: '0x12' }, 60_000n))
  const options = {
    common: { logger: pino({ level: 'silent' }) },
    transactions,
    enclaveConfig: { operator: world.wallet.account.address },
  }
  await withdrawDead(options, key => key === alive)
  // Withdrawn once: what does nothing is left alone.
  await withdrawDead(options, key => key === alive)
  await world.chain.mine({ blocks: 1 })
  await world.chain.setAutomine(true)
  const mined = await Promise.all(nonces.map(nonce => transactions.mined(nonce)))
  expect(mined.map(({ purpose }) => purpose)).toEqual(
    purposes.map((purpose, i) => (i === 0 || i === 4 ? purpose : `cancel:${purpose}`)),
  )
  const sent = await Promise.all(mined.map(({ hash }) => world.client.getTransaction({ hash: hash as Hex })))
  expect(sent.map(({ input }) => input)).toEqual(['0x12', '0x', '0x', '0x', '0x12'])
})

test('a node that promises what the chain refuses is not paid for again and again', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'promised' })
  const proxy = await startRpcProxy(Number(new URL(anvil.rpcUrl).port))
  proxy.behave(async ({ method, params }, forward) => {
    const [call] = params as [{ data?: string }]
    if (method === 'eth_estimateGas') return { result: numberToHex(100_000) }
    if (method === 'eth_call' && call.data?.startsWith(IS_CLAIMED)) return { result: ZERO_HASH }
    return forward()
  })
  const migrations = join(import.meta.dirname, 'migrations')
  const own = await connect({ databaseUrl: server.databaseUrl, schema: 'promised', migrations })
  const nodes = createNodes({ rpcUrl: proxy.url })
  const account = privateKeyToAccount(world.privateKey)
  const lied = createTransactions({ nodes, account, chainId: 31_337, database: own })
  const look = setInterval(() => void lied.check().catch(() => {}), 50)
  const refused = Promise.withResolvers<unknown>()
  const ended = new AbortController()
  const claiming = claimKey({
    client: createClient(proxy.url),
    transactions: lied,
    // It has no such function.
    claims: [world.deployment.enclaveRegistry],
    ...{ operator: account.address, identity: attested.identity, ended: ended.signal },
    onRetry: error => refused.resolve(error),
  })
  const outcome = expect(claiming).rejects.toMatchObject({ code: 'EVIDENCE_REJECTED' })
  expect(await refused.promise).toMatchObject({ code: 'EVIDENCE_REJECTED', paid: true })
  await sleep(3_000)
  expect(await own.queries.$count(transactionsTable)).toBe(1)
  ended.abort()
  await outcome
  clearInterval(look)
  await own.close()
  proxy.close()
})

test('a key has ended in the second in which the registry takes it no more', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'overtaken' })
  const { enclaveRegistry } = world.deployment
  const state = () => keyState(world.client, enclaveRegistry, attested)
  const { receiptKey, configHash } = attested.identity
  const { expiresAt } = await world.client.readContract({
    ...{ address: enclaveRegistry, abi: enclaveRegistryAbi, functionName: 'keyOf' },
    args: [receiptKey, attested.config.releaseId, configHash],
  })
  for (const [time, expected] of [
    [expiresAt - 1, 'registered'],
    [expiresAt, 'ended'],
  ] as const) {
    await world.chain.setNextBlockTimestamp({ timestamp: BigInt(time) })
    await world.chain.mine({ blocks: 1 })
    expect(await state()).toBe(expected)
  }
})

/** `kind` is what the enclave calls its evidence, which is simulated. */
function registered(
  { identity, config }: Attested,
  name: string,
  kind: Evidence['kind'] = 'simulated',
  changes: Partial<RegisterOptions> = {},
) {
  const attest = async (nonce: Hex): Promise<Evidence> => {
    const { evidence } = await world.attest({ tee: 'simulated', name, nonce })
    return { kind, bytes: toHex(evidence) }
  }
  const client = createClient(anvil.rpcUrl)
  const options = { client, transactions, contracts: world.deployment, identity, config, attest }
  return register({ ...options, ...changes })
}

async function rowCount(): Promise<number> {
  return database.queries.$count(transactionsTable)
}

async function pendingIs(count: number): Promise<void> {
  await expect
    .poll(async () => (await world.chain.getTxpoolStatus()).pending, { timeout: 30_000 })
    .toBe(count)
}
