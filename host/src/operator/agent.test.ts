import { writeFileSync } from 'node:fs'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { join } from 'node:path'
import { type Hex, parseBundle, type ReceiptBundle, releaseId, toHex, verifyReceipt } from '@nacre/verify'
import { parseConfig, parseIdentity } from '@nacre/verify/bundle'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
import { type Child, spawnChild, waitReady } from '../processes/supervise.ts'
import { register } from './register.ts'
import { createTransactions } from './transactions.ts'

let world: World
let proxy: RpcProxy
let agents = 0
let latest: Agent | undefined

type Agent = { child: Child; url: string; receiptKey: Hex; log: string[] }

beforeAll(async () => {
  world = await createWorld()
  proxy = await startProxy(world.rpcPort)
})

afterAll(async () => {
  proxy.on = () => 'pass'
  proxy.release()
  await latest?.child.stop()
  proxy.server.close()
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
      message: expect.stringContaining('UserDataMismatch'),
    })
  } finally {
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

/** Where the agent is killed: at a call that it makes, before or after the node gets it. */
const KILLS = [
  { when: 'before the answer is stored', method: 'eth_call', side: 'before', bundle: false },
  { when: 'after the answer is stored', method: 'eth_estimateGas', side: 'before', bundle: true },
  { when: 'before the broadcast', method: 'eth_sendRawTransaction', side: 'before', bundle: true },
  { when: 'after the broadcast', method: 'eth_sendRawTransaction', side: 'after', bundle: true },
] as const

test.each(KILLS)(
  'kill -9 $when: after a restart exactly one fulfilment, with the stored receipt',
  async ({ method, side, bundle }) => {
    const agent = await running()
    proxy.on = called => (called === method ? side : 'pass')
    const id = await world.ask()
    await proxy.reached()
    process.kill(agent.child.pid, 'SIGKILL')
    await agent.child.exited
    proxy.on = () => 'pass'
    proxy.release()
    const { rows } = await world.database.query('select bundle from requests where id = $1', [id])
    const before = rows[0]?.bundle ? idOf(parseBundle(rows[0].bundle)) : undefined
    expect(before !== undefined).toBe(bundle)
    latest = undefined
    const restarted = await running()
    const fulfilled = await world.untilFulfilled(id)
    await world.untilState(id, 'fulfilled')
    if (before) expect(fulfilled.receiptId).toBe(before)
    expect(idOf(parseBundle((await getRequest(restarted, id)).bundle))).toBe(fulfilled.receiptId)
    expect(await world.fulfilments(id)).toHaveLength(1)
  },
)

/** Asks until the answer comes from another key than the agent began with. */
async function askUntilOtherKey(agent: Agent): Promise<Hex> {
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

async function getRequest(agent: Agent, id: Hex) {
  return eventually(async () => {
    const value = await getJson(`${agent.url}/v1/requests/${id}`)
    return ['fulfilled', 'skipped'].includes(value.state) ? value : undefined
  })
}

/** The agent that runs, or a new one. */
async function running(): Promise<Agent> {
  latest ??= await startAgent()
  return latest
}

async function startAgent(changes: Record<string, unknown> = {}): Promise<Agent> {
  const file = join(world.dir, `operator${agents++}.json`)
  const rpcUrl = `http://127.0.0.1:${proxy.port}`
  // The contracts' least: a body over it is small enough to be sent whole before it is refused.
  writeFileSync(file, JSON.stringify({ ...world.config, rpcUrl, maxInput: 65_536, ...changes }))
  const { promise, resolve } = Promise.withResolvers<{ url: string; receiptKey: Hex }>()
  const log: string[] = []
  const child = spawnChild({
    command: process.execPath,
    args: [join(import.meta.dirname, 'main.ts'), '--config', file],
    onLine: line => {
      log.push(line)
      if (line.startsWith('{"event":"ready"')) resolve(JSON.parse(line))
    },
  })
  await waitReady('the agent', child, promise, 120_000).catch(error =>
    child.stop().then(() => Promise.reject(error)),
  )
  return { child, log, ...(await promise) }
}

type Verdict = 'pass' | 'before' | 'after'
type RpcProxy = {
  port: number
  server: Server
  on: (method: string) => Verdict
  reached(): Promise<void>
  release(): void
}

/** A proxy for JSON-RPC that holds a call before or after the node gets it; nobody who waits for it is answered. */
async function startProxy(target: number): Promise<RpcProxy> {
  let reached = Promise.withResolvers<void>()
  let released = Promise.withResolvers<void>()
  const hold = async () => {
    reached.resolve()
    await released.promise
  }
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const body = await textOf(incoming)
    const verdict = proxy.on(JSON.parse(body).method)
    // Whoever made a call that was held is killed by now: it goes no further.
    if (verdict === 'before') return hold()
    const answer = await forward(target, body)
    if (verdict === 'after') return hold()
    response.setHeader('content-type', 'application/json').end(answer)
  }
  // A caller that is killed in the middle of a call ends that call, and not the tests.
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    server,
    on: () => 'pass',
    reached: () => reached.promise,
    release: () => {
      released.resolve()
      reached = Promise.withResolvers()
      released = Promise.withResolvers()
    },
  }
}

function forward(port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers }, answer =>
      textOf(answer).then(resolve, reject),
    )
    outgoing.on('error', reject).end(body)
  })
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of message.setEncoding('utf8')) text += part
  return text
}
