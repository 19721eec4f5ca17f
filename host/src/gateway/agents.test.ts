import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { createPrivateClient } from '@nacre/sdk'
import { type Hex, type Policy, releaseId, sha256, toHex } from '@nacre/verify'
import { parseAnswerId, reportsOf } from '@nacre/verify/inference'
import OpenAI from 'openai'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IMAGES } from '../../../enclave/scripts/images.ts'
import { tinyModel } from '../../../models/gguf/tiny.ts'
import { type AgentProcess, killAgent, startAgentProcess } from '../../testing/agentProcess.ts'
import { createWorld, eventually, type World } from '../../testing/operatorWorld.ts'
import { parseConfig } from '../common/config.ts'
import { type Common, createCommon } from '../common/index.ts'
import { isRunning } from '../processes/identity.ts'
import { type GatewayConfig, gatewayConfig } from './config.ts'
import { startGateway } from './start.ts'

// Two operators with enclaves of their own, and two gateways over one database. Tests go in their order.

type Agent = AgentProcess & { tlsUrl: string }

let world: World
let agents: [Agent, Agent]
let artifact: Hex
let policy: Policy
const gateways: { url: string; common: Common<GatewayConfig> }[] = []

beforeAll(async () => {
  world = await createWorld(IMAGES.llama)
  const model = tinyModel({ contextLength: 2_048 })
  artifact = sha256(model)
  writeFileSync(join(world.dir, 'model.gguf'), model)
  agents = await Promise.all([startAgent(0), startAgent(1)])
  policy = {
    version: 1,
    assurance: ['simulated'],
    releases: [releaseId(world.release.publisher, world.release.manifestHash)],
    publishers: [],
    maxEvidenceAge: 86_400,
    developmentRoots: [toHex(world.root)],
  }
  writeFileSync(join(world.dir, 'policy.json'), JSON.stringify(policy))
  for (let count = 0; count < 2; count++) gateways.push(await openGateway())
})

afterAll(async () => {
  for (const { common } of gateways) await common.shutdown.close()
  await Promise.all((agents ?? []).map(({ child }) => child.stop()))
  await world?.close()
})

const CHAT = { model: 'tiny', messages: [{ role: 'user' as const, content: 'what is a ship ?' }] }
const LONG = { model: 'tiny', prompt: 'the ships', max_tokens: 400 }
const strings = { type: 'array', minItems: 64, items: { type: 'string', minLength: 120 } }
/**
 * Eight choices of JSON that ends behind the context, with twenty probabilities a token: a stream that takes seconds to
 * write and has 15 MiB, more than the sockets on its way hold for a client that does not read.
 */
const ENDLESS = {
  ...{ ...CHAT, n: 8, temperature: 1, logprobs: true, top_logprobs: 20, stream: true },
  response_format: { type: 'json_schema', json_schema: { name: 'strings', schema: strings } },
}

test('the official client is answered through either gateway; whom to ask for the receipt is in the id', async () => {
  for (const { url } of gateways) {
    const client = openAi(url)
    const { data } = await client.models.list()
    expect(data).toMatchObject([{ id: 'tiny', artifact }])
    const answer = await client.chat.completions.create({ ...CHAT, max_tokens: 8 })
    expect(answer.choices[0]?.message.role).toBe('assistant')
    const id = parseAnswerId(answer.id)
    expect(agents.map(({ receiptKey }) => receiptKey.slice(2, 10))).toContain(id?.enclave)
    for (const other of gateways) {
      const proof = await json(`${other.url}/v1/receipts/${answer.id}`)
      expect(proof).toMatchObject({ receipt: { artifact, requestId: id?.requestId } })
      expect(await json(`${other.url}/v1/signature/${answer.id}`)).toMatchObject({ signing_algo: 'ecdsa' })
    }
  }
})

test('a sealed answer verifies: the gateway had ciphertext, and the operator too', async () => {
  const { url } = gateways[0]!
  const client = createPrivateClient({ url, policy, models: { tiny: artifact } })
  const answer = (await client.chat.completions.create({ ...CHAT, max_tokens: 8 })) as { id: string }
  expect(parseAnswerId(answer.id)).toBeDefined()
  expect(client.lastReceipt?.receipt.artifact).toBe(artifact)
  expect((await client.enclaves('tiny')).length).toBe(2)
})

test('both enclaves attest over one nonce, with their operators’ release', async () => {
  const nonce = `0x${'5a'.repeat(32)}`
  for (const { url } of gateways) {
    const reports = reportsOf(await json(`${url}/v1/attestation/report?model=tiny&nonce=${nonce}`))
    expect(reports).toHaveLength(2)
    for (const report of reports)
      expect(report).toMatchObject({
        evidenceNonce: nonce,
        release: { publisher: world.release.publisher, manifest: { name: 'nacre-llama' } },
      })
  }
})

test('TLS ends in the enclave: the operator’s port passes bytes', async () => {
  const connection = new HttpsAgent({ rejectUnauthorized: false })
  const { fingerprint, ...seen } = await throughTls(agents[0], connection)
  expect(seen).toEqual({ status: 200, version: 'TLSv1.3', name: 'nacre enclave' })
  expect((await throughTls(agents[1], connection)).fingerprint).not.toBe(fingerprint)
})

test('what an enclave refuses comes as it said it, and what the operator refuses in the same form', async () => {
  const { url } = gateways[0]!
  const unknown = await post(`${url}/v1/completions`, { ...LONG, best_of: 3 })
  expect([unknown.status, await unknown.json()]).toMatchObject([
    400,
    { error: { code: 'unsupported_parameter', param: 'best_of' } },
  ])
  const [{ url: operator }] = agents
  const large = await post(`${operator}/v1/completions`, { ...LONG, prompt: 'x'.repeat(1_100_000) })
  expect([large.status, await large.json()]).toMatchObject([413, { error: { code: 'request_too_large' } }])
  const infer = await post(`${operator}/v1/infer`, { nonce: `0x${'11'.repeat(32)}`, artifact, input: '0x' })
  expect(infer.status).toBeGreaterThanOrEqual(400)
})

test('an agent that is killed in the middle of a stream cuts it off; others answer at once, and it comes back', async () => {
  const [, killed] = agents
  const { url } = gateways[0]!
  const { enclavePid } = await healthOf(killed)
  const stream = await post(`${url}/v1/chat/completions`, ENDLESS, { 'x-nacre-enclave': killed.receiptKey })
  const reader = stream.body!.getReader()
  expect((await reader.read()).done).toBe(false)
  // It goes no further while it is killed.
  process.kill(enclavePid, 'SIGSTOP')
  await killAgent(killed)
  await expect(drain(reader)).rejects.toThrow()
  for (const { url } of gateways)
    for (let call = 0; call < 4; call++)
      await openAi(url, 0).chat.completions.create({ ...CHAT, max_tokens: 4 })
  await eventually(async () => (isRunning(enclavePid) ? undefined : true))
  agents[1] = await startAgent(1)
  expect(agents[1].receiptKey).not.toBe(killed.receiptKey)
  for (const { url } of gateways)
    await eventually(async () => {
      const { enclaves } = (await json(`${url}/health`)) as { enclaves: { enclave: Hex }[] }
      return enclaves.some(({ enclave }) => enclave === agents[1].receiptKey) ? true : undefined
    })
  const old = await fetch(`${url}/v1/receipts/cmpl-${killed.receiptKey.slice(2, 10)}-${'11'.repeat(32)}`)
  expect([old.status, await old.json()]).toMatchObject([503, { error: { code: 'enclave_gone' } }])
})

test('an enclave that is replaced finishes what is in it', async () => {
  await agents[0].child.stop()
  agents[0] = await startAgent(0, { refreshAfterS: 8 })
  const before = await healthOf(agents[0])
  // One connection that is used again and again.
  const connection = new HttpsAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  const first = await throughTls(agents[0], connection)
  await eventually(async () => {
    expect(await throughTls(agents[0], connection)).toEqual(first)
    const { receiptKey } = await healthOf(agents[0])
    return receiptKey === before.receiptKey ? undefined : true
  })
  expect(isRunning(before.enclavePid)).toBe(true)
  expect(await throughTls(agents[0], connection)).toEqual(first)
  connection.destroy()
  await eventually(async () => (isRunning(before.enclavePid) ? undefined : true))
})

/** Asks an enclave for its models over TLS: what it says of itself there. */
async function throughTls({ tlsUrl }: Agent, agent: HttpsAgent) {
  const [response] = (await once(request(`${tlsUrl}/v1/models`, { agent }).end(), 'response')) as [
    IncomingMessage,
  ]
  const socket = response.socket as TLSSocket
  const { subject, fingerprint256: fingerprint } = socket.getPeerCertificate()
  const version = socket.getProtocol()
  await response.resume().toArray()
  return { status: response.statusCode, version, name: subject.CN, fingerprint }
}

async function startAgent(number: number, changes: Record<string, unknown> = {}): Promise<Agent> {
  const key = generatePrivateKey()
  await world.chain.setBalance({ address: privateKeyToAccount(key).address, value: 10n ** 20n })
  const privateKeyFile = join(world.dir, `language-${number}.key`)
  writeFileSync(privateKeyFile, key, { mode: 0o600 })
  return (await startAgentProcess(world, {
    privateKeyFile,
    stateDir: join(world.dir, `language-${number}`),
    rootDir: world.config.stateDir,
    schema: `language_${number}`,
    artifacts: [],
    payments: undefined,
    maxOutput: 15 * 2 ** 20,
    inference: {
      models: [{ id: 'tiny', file: join(world.dir, 'model.gguf') }],
      prices: { token: `0x${'00'.repeat(20)}`, prompt: '1', completion: '2' },
      ...{ sequences: 2, contextSize: 2_048, threads: 1, tls: {} },
    },
    // Where it was: a gateway finds it again.
    http: { host: '127.0.0.1', port: agents ? Number(new URL(agents[number]!.url).port) : 0 },
    ...changes,
  })) as Agent
}

async function openGateway(): Promise<{ url: string; common: Common<GatewayConfig> }> {
  const config = parseConfig(
    gatewayConfig,
    {
      operators: agents.map(({ url }) => url),
      databaseUrl: world.config.databaseUrl,
      keys: { required: false },
      policyFile: join(world.dir, 'policy.json'),
      pollMs: 200,
    },
    'test',
  )
  const common = createCommon({ name: 'gateway', config, logLevel: 'silent' })
  return { ...(await startGateway(common)), common }
}

function openAi(url: string, maxRetries = 2): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries })
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const type = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers: { ...type, ...headers }, body: JSON.stringify(body) })
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json()
}

async function healthOf({ url }: Agent): Promise<{ receiptKey: Hex; enclavePid: number }> {
  return (await json(`${url}/health`)) as { receiptKey: Hex; enclavePid: number }
}
