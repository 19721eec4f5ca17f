import { join } from 'node:path'
import { type Hex, parseBundle, type ReceiptBundle, releaseId, toHex, verifyReceipt } from '@nacre/verify'
import { parseConfig, parseIdentity } from '@nacre/verify/bundle'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRegistrations } from '../../../test/registrations.ts'
import { type AgentProcess, startAgentProcess } from '../../testing/agentProcess.ts'
import {
  ARTIFACT as artifact,
  createWorld,
  DEPLOYER,
  eventually,
  FEE,
  idOf,
  INPUT as input,
  type World,
} from '../../testing/operatorWorld.ts'
import { createClient } from '../chain/client.ts'
import { createNodes } from '../chain/nodes.ts'
import { connect } from '../database/connect.ts'
import { keyState, register } from './register.ts'
import { createTransactions } from './transactions.ts'

let world: World
let latest: AgentProcess | undefined

beforeAll(async () => {
  world = await createWorld()
})

afterAll(async () => {
  await latest?.child.stop()
  await world.close()
})

test('a request is answered, checked on chain and kept with a bundle that verifies', async () => {
  const agent = await running()
  const id = await world.ask()
  const fulfilled = await world.untilFulfilled(id)
  const stored = await getRequest(agent, id)
  expect(stored).toMatchObject({ state: 'fulfilled', outcome: { event: 'Fulfilled', status: 0 } })
  const bundle = parseBundle(stored.bundle)
  expect(idOf(bundle)).toBe(fulfilled.receiptId)
  const policy = {
    version: 1 as const,
    assurance: ['simulated' as const],
    releases: [releaseId(world.release.publisher, world.release.manifestHash)],
    publishers: [],
    maxEvidenceAge: 86_400,
    developmentRoots: [toHex(world.root)],
  }
  const verdict = verifyReceipt(bundle, policy, {
    time: BigInt(Math.floor(Date.now() / 1000)),
    expect: { requestId: id },
  })
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  expect(verdict.ok).toBe(true)
})

test('an artifact that is not loaded is skipped with the reason; a wrong input is an error receipt at the minimum', async () => {
  const agent = await running()
  const unknown: Hex = `0x${'77'.repeat(32)}`
  await world.announce(unknown)
  const skipped = await world.ask({ artifact: unknown })
  const wrong = await world.ask({}, '0x0102')
  const fulfilled = await world.untilFulfilled(wrong)
  expect(fulfilled).toMatchObject({ status: 1, paid: FEE / 10n })
  expect(await world.untilState(skipped, 'skipped')).toMatchObject({ reason: 'unknown-artifact' })
  expect(await getRequest(agent, skipped)).toMatchObject({ state: 'skipped', bundle: null })
})

test('an enclave that is killed is launched again, registered with a new key, and answers', async () => {
  const agent = await running()
  const health = await getJson(`${agent.url}/health`)
  expect(health).toMatchObject({ ok: true, receiptKey: agent.receiptKey })
  process.kill(health.enclavePid, 'SIGKILL')
  const fulfilled = await world.untilFulfilled(await askUntilOtherKey(agent))
  expect(fulfilled.receiptKey.toLowerCase()).not.toBe(agent.receiptKey)
  const metrics = await (await fetch(`${agent.url}/metrics`)).text()
  expect(metrics).toContain('nacre_enclave_starts_total 2')
  expect(metrics).toMatch(/nacre_requests\{state="fulfilled"\} [1-9]/)
})

test('a client is answered over HTTP with fresh evidence over its nonce; malformed calls say what is wrong', async () => {
  const agent = await running()
  const nonce: Hex = toHex(crypto.getRandomValues(new Uint8Array(32)))
  const post = (body: unknown) =>
    fetch(`${agent.url}/v1/infer`, { method: 'POST', body: JSON.stringify(body) })
  const bundle = parseBundle(await (await post({ nonce, artifact, input })).json())
  expect(bundle).toMatchObject({
    origin: { type: 'client', nonce },
    evidenceNonce: nonce,
    receipt: { status: 0 },
  })
  const endless = new Blob(['0x', '00'.repeat(100_000)]).stream()
  const chunked = await fetch(`${agent.url}/v1/infer`, { method: 'POST', body: endless, duplex: 'half' })
  expect(chunked.status).toBe(413)
  for (const [body, status, code] of [
    [{ nonce, artifact: `0x${'88'.repeat(32)}`, input }, 404, 'NOT_FOUND'],
    [{ nonce: '0x12', artifact, input }, 400, 'BAD_REQUEST'],
    [{ nonce, artifact, input: `0x${'00'.repeat(100_000)}` }, 413, 'BODY_TOO_LARGE'],
  ] as const) {
    const response = await post(body)
    expect([response.status, await response.json()]).toMatchObject([
      status,
      { error: { code, fix: expect.any(String) } },
    ])
  }
  expect((await fetch(`${agent.url}/v1/requests/${nonce}`)).status).toBe(404)
  expect((await fetch(`${agent.url}/v1/attestation?nonce=${nonce}`)).status).toBe(200)
  expect(await (await fetch(`${agent.url}/v1/artifacts`)).json()).toMatchObject([{ artifact }])
})

test('a registration that somebody else sent first is ours all the same; one that the chain refuses is not', async () => {
  const agent = await running()
  const attestation = (nonce: Hex) => getJson(`${agent.url}/v1/attestation?nonce=${nonce}`)
  const { identity, config } = (await attestation(`0x${'01'.repeat(32)}`)) as unknown as Record<
    string,
    unknown
  >
  const { databaseUrl, rpcUrl, deployment } = world.config
  const migrations = join(import.meta.dirname, 'migrations')
  const database = await connect({ databaseUrl, schema: 'copier', migrations })
  const client = createClient(rpcUrl)
  const account = privateKeyToAccount(DEPLOYER)
  const registration = {
    client,
    transactions: createTransactions({
      nodes: createNodes({ rpcUrl }),
      account,
      chainId: deployment.chainId,
      database,
    }),
    contracts: deployment,
    identity: parseIdentity(identity, 'identity'),
    config: parseConfig(config, 'config'),
    attest: async (nonce: Hex) => (await attestation(nonce)).evidence,
  }
  try {
    await expect(register(registration)).resolves.toMatchObject({ evidence: { kind: 'simulated' } })
    const another = { ...registration.identity, receiptKey: deployment.relay }
    await expect(register({ ...registration, identity: another })).rejects.toMatchObject({
      code: 'EVIDENCE_REJECTED',
      message: expect.stringContaining('binds other keys'),
    })
  } finally {
    await database.close()
  }
})

test('Nitro evidence is registered by the same plan, through the agent’s own transactions', async () => {
  const { databaseUrl, rpcUrl } = world.config
  const nitro = await createRegistrations(rpcUrl, 3)
  const migrations = join(import.meta.dirname, 'migrations')
  const database = await connect({ databaseUrl, schema: 'nitro', migrations })
  const client = createClient(rpcUrl)
  const account = privateKeyToAccount(DEPLOYER)
  const nodes = createNodes({ rpcUrl })
  const transactions = createTransactions({ nodes, account, chainId: 31_337, database })
  const { identity, config } = await nitro.attest({ name: 'agent' })
  const attest = async (nonce: Hex): Promise<ReceiptBundle['evidence']> => {
    const { evidence } = await nitro.attest({ name: 'agent', nonce })
    return { kind: 'nitro', bytes: toHex(evidence) }
  }
  const checking = setInterval(() => void transactions.check().catch(() => {}), 50)
  try {
    const contracts = nitro.deployment
    await register({ client, transactions, contracts, identity, config, attest })
    const used = await client.getTransactionCount({ address: account.address })
    const row = await transactions.find(BigInt(used) - 1n)
    expect(row).toMatchObject({ purpose: `register:${identity.receiptKey}`, status: 'success' })
    expect(await keyState(client, contracts.enclaveRegistry, { identity, config })).toBe('registered')
  } finally {
    clearInterval(checking)
    await database.close()
  }
})

test('a second agent on the same state, and a wrong configuration, end with a clear error', async () => {
  await running()
  await expect(startAgent()).rejects.toThrow('STATE_IN_USE')
  const other = { ...world.config.deployment, genesisHash: `0x${'99'.repeat(32)}` }
  await expect(
    startAgent({ stateDir: join(world.dir, 'other'), schema: 'other', deployment: other }),
  ).rejects.toThrow('GENESIS_MISMATCH')
  await expect(startAgent({ imageDir: 'relative' })).rejects.toThrow('CONFIG_INVALID')
})

/** Asks until the answer comes from another key than the agent began with. */
async function askUntilOtherKey(agent: AgentProcess): Promise<Hex> {
  await eventually(async () => {
    const { ok, receiptKey } = await getJson(`${agent.url}/health`)
    return ok && receiptKey !== agent.receiptKey ? true : undefined
  })
  return world.ask()
}

/** What the tests look at in the agent's JSON. */
type Json = {
  evidence: ReceiptBundle['evidence']
  ok: boolean
  receiptKey: Hex
  enclavePid: number
  state: string
  bundle: unknown
}

async function getJson(url: string): Promise<Json> {
  return (await (await fetch(url)).json()) as Json
}

async function getRequest(agent: AgentProcess, id: Hex) {
  return eventually(async () => {
    const value = await getJson(`${agent.url}/v1/requests/${id}`)
    return ['fulfilled', 'skipped'].includes(value.state) ? value : undefined
  })
}

/** The agent that runs, or a new one. */
async function running(): Promise<AgentProcess> {
  latest ??= await startAgent()
  return latest
}

function startAgent(changes: Record<string, unknown> = {}): Promise<AgentProcess> {
  // The contracts' least: a body over it is small enough to be sent whole before it is refused.
  return startAgentProcess(world, { maxInput: 65_536, ...changes })
}
