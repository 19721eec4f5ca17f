import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { operatorsAbi, relayAbi, releasesAbi } from '@nacre/contracts'
import { type Deployment, deploy, type RelayParams, request, type Wallet } from '@nacre/sdk'
import {
  encodeTensor,
  type Hex,
  manifestHash,
  measurementDigest,
  parseBundle,
  receiptId,
  releaseId,
  simulatedMeasurement,
  toHex,
  verifyReceipt,
} from '@nacre/verify'
import pg from 'pg'
import {
  createTestClient,
  createWalletClient,
  http,
  type PublicClient,
  publicActions,
  zeroAddress,
} from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { loadIndex, modelPath, sampleOf } from '../../../models/samples.ts'
import { temporaryPostgres } from '../database/testing.ts'
import { loadRoot } from '../nsm/root.ts'
import { type Anvil, startAnvil } from '../processes/anvil.ts'
import type { Postgres } from '../processes/postgres.ts'
import { type Child, spawnChild, waitReady } from '../processes/supervise.ts'

const DEPLOYER = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const operatorKey = generatePrivateKey()
const operator = privateKeyToAccount(operatorKey)
const artifact = loadIndex().find(({ name }) => name === 'iris-ols')!.sha256
const input = toHex(encodeTensor(sampleOf('iris-ols').input))

let dir: string
let anvil: Anvil
let server: Postgres
let database: pg.Pool
let proxy: RpcProxy
let deployment: Deployment
let release: { publisher: Hex; manifestHash: Hex }
let root: Uint8Array
let imageDir: string
const agents: Agent[] = []

type Agent = { child: Child; url: string; receiptKey: Hex; log: string[] }

const chain = () =>
  createTestClient({
    mode: 'anvil',
    chain: anvilChain,
    transport: http(anvil.rpcUrl),
    pollingInterval: 20,
  }).extend(publicActions)
const walletOf = (key: Hex): Wallet =>
  createWalletClient({ account: privateKeyToAccount(key), chain: anvilChain, transport: http(anvil.rpcUrl) })
const client = () => chain() as unknown as PublicClient

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-agent-'))
  ;[anvil, server] = await Promise.all([startAnvil(), temporaryPostgres()])
  database = new pg.Pool({ connectionString: server.databaseUrl, options: '-c search_path=operator' })
  proxy = await startProxy(anvil.port)
  root = (await loadRoot(join(dir, 'state'))).certificate
  deployment = await deploy({ client: client(), wallet: walletOf(DEPLOYER), root })
  await publish()
  await stake()
})

afterEach(async () => {
  proxy.on = () => 'pass'
  await Promise.all(agents.splice(0).map(({ child }) => child.stop()))
})

afterAll(async () => {
  await database?.end()
  proxy?.server.close()
  await Promise.all([anvil?.stop(), server?.stop()])
  rmSync(dir, { recursive: true, force: true })
})

test('a request is answered, checked on chain and kept with a bundle that verifies', async () => {
  const agent = await startAgent()
  const id = await ask()
  const fulfilled = await untilFulfilled(id)
  const stored = await getRequest(agent, id)
  expect(stored).toMatchObject({ state: 'fulfilled', outcome: { event: 'Fulfilled', status: 0 } })
  const bundle = parseBundle(stored.bundle)
  expect(idOf(bundle)).toBe(fulfilled.receiptId)
  const policy = {
    version: 1 as const,
    assurance: ['simulated' as const],
    releases: [releaseId(release.publisher, release.manifestHash)],
    publishers: [],
    maxEvidenceAge: 86_400,
    developmentRoots: [toHex(root)],
  }
  const verdict = verifyReceipt(bundle, policy, {
    time: BigInt(Math.floor(Date.now() / 1000)),
    expect: { requestId: id },
  })
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  expect(verdict.ok).toBe(true)
})

test('an artifact that is not loaded is skipped with the reason; a wrong input is an error receipt at the minimum', async () => {
  const agent = await startAgent()
  const unknown: Hex = `0x${'77'.repeat(32)}`
  await announce(unknown)
  const skipped = await ask({ artifact: unknown })
  const wrong = await ask({}, '0x0102')
  const fulfilled = await untilFulfilled(wrong)
  expect(fulfilled).toMatchObject({ status: 1, paid: FEE / 10n })
  expect(await untilState(skipped, 'skipped')).toMatchObject({ reason: 'unknown-artifact' })
  expect(await getRequest(agent, skipped)).toMatchObject({ state: 'skipped', bundle: null })
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
    const agent = await startAgent()
    proxy.on = called => (called === method ? side : 'pass')
    const id = await ask()
    await proxy.reached()
    process.kill(agent.child.pid, 'SIGKILL')
    await agent.child.exited
    proxy.on = () => 'pass'
    proxy.release()
    const { rows } = await database.query('select bundle from requests where id = $1', [id])
    const before = rows[0]?.bundle ? idOf(parseBundle(rows[0].bundle)) : undefined
    expect(before !== undefined).toBe(bundle)
    const restarted = await startAgent()
    const fulfilled = await untilFulfilled(id)
    await untilState(id, 'fulfilled')
    if (before) expect(fulfilled.receiptId).toBe(before)
    expect(idOf(parseBundle((await getRequest(restarted, id)).bundle))).toBe(fulfilled.receiptId)
    expect(await fulfilments(id)).toHaveLength(1)
  },
)

test('an enclave that is killed is launched again, registered with a new key, and answers', async () => {
  const agent = await startAgent()
  const health = await getJson(`${agent.url}/health`)
  expect(health).toMatchObject({ ok: true, receiptKey: agent.receiptKey })
  process.kill(health.enclavePid, 'SIGKILL')
  const fulfilled = await untilFulfilled(await askUntilOtherKey(agent))
  expect(fulfilled.receiptKey.toLowerCase()).not.toBe(agent.receiptKey)
  const metrics = await (await fetch(`${agent.url}/metrics`)).text()
  expect(metrics).toContain('nacre_enclave_starts_total 2')
  expect(metrics).toMatch(/nacre_requests\{state="fulfilled"\} [1-9]/)
})

test('a client is answered over HTTP with fresh evidence over its nonce; malformed calls say what is wrong', async () => {
  const agent = await startAgent()
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
    [{ nonce, artifact, input: `0x${'00'.repeat(3_000_000)}` }, 413, 'BODY_TOO_LARGE'],
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

test('a second agent on the same state, and a wrong configuration, end with a clear error', async () => {
  await startAgent()
  await expect(startAgent()).rejects.toThrow('STATE_IN_USE')
  const other = { ...deployment, genesisHash: `0x${'99'.repeat(32)}` }
  await expect(
    startAgent({ stateDir: join(dir, 'other'), schema: 'other', deployment: other }),
  ).rejects.toThrow('GENESIS_MISMATCH')
  await expect(startAgent({ imageDir: 'relative' })).rejects.toThrow('CONFIG_INVALID')
})

const FEE = 10n ** 15n

async function ask(params: Partial<RelayParams> = {}, bytes: Hex = input): Promise<Hex> {
  const { timestamp, baseFeePerGas } = await chain().getBlock()
  const asked: RelayParams = {
    artifact,
    feeToken: zeroAddress,
    fee: FEE,
    maxOutput: 1_024,
    callbackGas: 100_000,
    maxGasPrice: (baseFeePerGas ?? 0n) * 10n + 10n ** 9n,
    deadline: timestamp + 600n,
    assurance: 1,
    maxEvidenceAge: 86_400,
    releases: [releaseId(release.publisher, release.manifestHash)],
    publishers: [],
    ...params,
  }
  return (
    await request({
      client: client(),
      wallet: walletOf(DEPLOYER),
      relay: deployment.relay,
      params: asked,
      input: bytes,
    })
  ).id
}

async function fulfilments(id: Hex) {
  return chain().getContractEvents({
    address: deployment.relay,
    abi: relayAbi,
    eventName: 'Fulfilled',
    args: { id },
    fromBlock: 0n,
    strict: true,
  })
}

async function untilFulfilled(id: Hex) {
  return eventually(async () => (await fulfilments(id))[0]?.args)
}

async function untilState(id: Hex, state: string) {
  return eventually(
    async () =>
      (await database.query('select * from requests where id = $1 and state = $2', [id, state])).rows[0],
  )
}

/** Asks until the answer comes from another key than the agent began with. */
async function askUntilOtherKey(agent: Agent): Promise<Hex> {
  await eventually(async () => {
    const { ok, receiptKey } = await getJson(`${agent.url}/health`)
    return ok && receiptKey !== agent.receiptKey ? true : undefined
  })
  return ask()
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 30_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end)
      throw new Error(`never happened; the agents said:\n${agents.flatMap(({ log }) => log).join('\n')}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

function idOf(bundle: ReturnType<typeof parseBundle>): Hex {
  return receiptId({ chainId: bundle.chainId, registry: bundle.registry }, bundle.receipt)
}

/** What the tests look at in the agent's JSON. */
type Json = { ok: boolean; receiptKey: Hex; enclavePid: number; state: string; bundle: unknown }

async function getJson(url: string): Promise<Json> {
  return (await (await fetch(url)).json()) as Json
}

async function getRequest(agent: Agent, id: Hex) {
  return eventually(async () => {
    const value = await getJson(`${agent.url}/v1/requests/${id}`)
    return ['fulfilled', 'skipped'].includes(value.state) ? value : undefined
  })
}

async function startAgent(changes: Record<string, unknown> = {}): Promise<Agent> {
  const file = join(dir, 'operator.json')
  const config = {
    rpcUrl: `http://127.0.0.1:${proxy.port}`,
    wsUrl: anvil.wsUrl,
    databaseUrl: server.databaseUrl,
    schema: 'operator',
    stateDir: join(dir, 'state'),
    privateKeyFile: join(dir, 'operator.key'),
    deployment,
    imageDir,
    artifacts: [modelPath('iris-ols')],
    release,
    http: { host: '127.0.0.1', port: 0 },
    logLevel: 'debug',
    ...changes,
  }
  writeFileSync(file, JSON.stringify(config))
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
  await waitReady('the agent', child, promise, 30_000).catch(error =>
    child.stop().then(() => Promise.reject(error)),
  )
  const agent = { child, log, ...(await promise) }
  agents.push(agent)
  return agent
}

async function publish(): Promise<void> {
  const image = await buildImage(join(dir, 'image'))
  imageDir = image.dir
  const wallet = walletOf(DEPLOYER)
  release = {
    publisher: wallet.account.address.toLowerCase() as Hex,
    manifestHash: manifestHash(image.manifest),
  }
  const digest = measurementDigest(simulatedMeasurement(image.manifest))
  const call = {
    address: deployment.releases,
    abi: releasesAbi,
    functionName: 'list',
    args: [release.manifestHash, [{ kind: 1, digest }]],
  } as const
  await mined(await wallet.writeContract(call))
}

async function stake(): Promise<void> {
  writeFileSync(join(dir, 'operator.key'), operatorKey, { mode: 0o600 })
  await chain().setBalance({ address: operator.address, value: 10n ** 21n })
  await mined(
    await walletOf(operatorKey).writeContract({
      address: deployment.operators,
      abi: operatorsAbi,
      functionName: 'bond',
      value: 10n ** 18n,
    }),
  )
  await announce(artifact)
}

/** Announced, and an epoch (one second) later. */
async function announce(offered: Hex): Promise<void> {
  const args = [offered, zeroAddress, FEE / 2n, 1] as const
  await mined(
    await walletOf(operatorKey).writeContract({
      address: deployment.operators,
      abi: operatorsAbi,
      functionName: 'announce',
      args,
    }),
  )
  await chain().increaseTime({ seconds: 2 })
  await chain().mine({ blocks: 1 })
}

async function mined(hash: Hex): Promise<void> {
  const receipt = await chain().waitForTransactionReceipt({ hash })
  expect(receipt.status).toBe('success')
}

type Verdict = 'pass' | 'before' | 'after'
type RpcProxy = {
  port: number
  server: Server
  on: (method: string) => Verdict
  reached(): Promise<void>
  release(): void
}

/** A proxy for JSON-RPC that holds a call before or after the node gets it, until released. */
async function startProxy(target: number): Promise<RpcProxy> {
  let reached = Promise.withResolvers<void>()
  let released = Promise.withResolvers<void>()
  const hold = async () => {
    reached.resolve()
    await released.promise
  }
  const server = createServer(async (incoming, response) => {
    const body = await textOf(incoming)
    const verdict = proxy.on(JSON.parse(body).method)
    if (verdict === 'before') await hold()
    if (response.destroyed) return
    const answer = await forward(target, body)
    if (verdict === 'after') await hold()
    response.setHeader('content-type', 'application/json').end(answer)
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
