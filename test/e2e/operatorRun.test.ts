import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { relayAbi } from '@nacre/contracts'
import { quote, type Requested, requestedIn, requestThrough, serializeDeployment } from '@nacre/sdk'
import { DEFAULT_POLICY, type Hex, parseBundle, releaseId, toHex } from '@nacre/verify'
import { keccak256 } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { status } from '../../cli/src/operator/status.ts'
import { watch } from '../../cli/src/watch/watch.ts'
import { createWorld, DEPLOYER, INPUT, type World } from '../../host/testing/operatorWorld.ts'
import { runCommand } from './command.ts'
import { lastLine, nacre, type Started, start } from './nacre.ts'

// An agent whose key is in a keystore, run by the command line and looked at by it. Its log is kept whole.

const PASSWORD = 'correct horse battery'

let world: World
let agent: Started
let url: string
let files: Record<'key' | 'password' | 'config' | 'deployment' | 'policy', string>

beforeAll(async () => {
  world = await createWorld()
  const file = (name: string) => join(world.dir, name)
  files = {
    key: file('key.json'),
    password: file('password'),
    config: file('config.json'),
    deployment: file('deployment.json'),
    policy: file('policy.json'),
  }
  writeFileSync(files.password, `${PASSWORD}\n`, { mode: 0o600 })
  writeFileSync(files.deployment, serializeDeployment(world.deployment))
  const { publisher, manifestHash } = world.config.release
  const policy = {
    ...DEFAULT_POLICY,
    assurance: ['simulated'],
    releases: [releaseId(publisher, manifestHash)],
    developmentRoots: [toHex(world.root)],
  }
  writeFileSync(files.policy, JSON.stringify(policy))
})

afterAll(async () => {
  await agent?.end()
  await world?.close()
})

test('a key is put into a keystore of mode 0600, and never over another file', async () => {
  const args = ['operator', 'key', 'import', files.key, '--password-file', files.password]
  const plain = ['--private-key-file', join(world.dir, 'operator.key')]
  const made = await nacre(...args, ...plain, '--json')
  expect(made.code, made.stderr).toBe(0)
  expect(made.json).toMatchObject({ address: world.operator.address.toLowerCase(), file: files.key })
  expect(statSync(files.key).mode & 0o777).toBe(0o600)
  for (const text of [made.stdout, made.stderr, readFileSync(files.key, 'utf8')])
    expect(text).not.toContain(world.operatorKey.slice(2))
  const again = await nacre(...args, ...plain, '--json')
  expect(again.code).toBe(2)
  expect(again.json.error).toMatchObject({ code: 'bad-file' })
})

test('the agent runs on it, and status finds its key, its health and its metrics', async () => {
  const { privateKeyFile: _, ...config } = world.config
  const keys = { keystoreFile: files.key, passwordFile: files.password }
  const settings = { ...config, ...keys, pollMs: 100, logLevel: 'trace', inputs: { accept: true } }
  writeFileSync(files.config, JSON.stringify(settings))
  agent = start(['operator', 'run', '--config', files.config, '--json'])
  await agent.says('stdout', '\n')
  url = String(lastLine(agent.stdout()).url)
  const { value } = await runCommand(output =>
    status(undefined, { state: world.dir, config: files.config, url }, output),
  )
  expect(value).toMatchObject({
    account: world.operator.address.toLowerCase(),
    stake: { slots: 1 },
    keys: [{ revoked: false, receipt_key: lastLine(agent.stdout()).receiptKey }],
    agent: { health: { ok: true } },
  })
  const page = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `(nacre_\w+)/gm)].map(([, name]) => name)
  const served = [...(await (await fetch(`${url}/metrics`)).text()).matchAll(/^# TYPE (\S+)/gm)]
  expect(served.map(([, name]) => name).sort()).toEqual(documented.sort())
})

test('a request is followed while it is open, and is a duty as long', async () => {
  await world.chain.setAutomine(false)
  const asking = world.ask()
  await expect.poll(pending).toBe(1)
  await world.chain.mine({ blocks: 1 })
  const id = await asking
  const watching = watchRequest(id)
  await expect.poll(watching.text, { timeout: 20_000 }).toContain('submitted')
  const { value } = await runCommand(output => status(undefined, { state: '', config: files.config }, output))
  expect(value.duties).toMatchObject([{ id }])
  await world.chain.setAutomine(true)
  await world.chain.mine({ blocks: 1 })
  const watched = await watching
  expect(watched).toMatchObject({ code: 0, value: { state: 'fulfilled', kind: 'direct' } })
  expect(names(watched.value.hops)).toEqual(['requested', 'drawn', 'fulfilled'])
  const operator = world.operator.address.toLowerCase()
  const [requested, drawn, fulfilled] = watched.value.hops
  expect(drawn).toMatchObject({ operator, fits: true })
  expect(fulfilled).toMatchObject({ operator, status: 0, callback_ok: true, paid: 10n ** 15n })
  for (const hop of [requested, fulfilled]) expect(hop.gas).toBeGreaterThan(50_000)
  expect(fulfilled.after_s).toBe(fulfilled.time - requested.time)
  expect(watched.value.checks.filter((check: { ok: boolean }) => !check.ok)).toEqual([])
})

test('a request by hash is followed from its acceptance on', async () => {
  const { id } = await askByHash()
  const watched = await watchRequest(id)
  expect(watched).toMatchObject({ code: 0, value: { state: 'fulfilled', kind: 'by-hash' } })
  expect(names(watched.value.hops)).toEqual(['requested', 'drawn', 'accepted', 'fulfilled'])
})

test('a whole run’s log, at its most talkative, has no input, output, key or password', async () => {
  const id = await world.ask()
  const { bundle } = await world.untilState(id, 'fulfilled')
  expect(await agent.end()).toBe(0)
  const log = agent.stderr()
  for (const word of ['answered', 'submitted', '"level":20']) expect(log).toContain(word)
  const secrets = [INPUT, parseBundle(bundle).output, world.operatorKey].map(hex => hex.slice(2))
  for (const secret of [...secrets, PASSWORD]) {
    expect(log.includes(secret)).toBe(false)
    expect(agent.stdout().includes(secret)).toBe(false)
  }
})

test('a request that nobody answers ends with a refund and a slash', async () => {
  const { timestamp } = await world.chain.getBlock()
  const id = await world.ask({ deadline: timestamp + 90n })
  const open = await watchRequest(id, 0)
  expect(open).toMatchObject({ code: 4, value: { state: 'open', operators: [{ state: 'unreachable' }] } })
  const [{ transaction }] = open.value.hops
  const { request } = requestedIn(
    await world.chain.getTransactionReceipt({ hash: transaction }),
    world.deployment.relay,
  )
  await world.chain.increaseTime({ seconds: 91 })
  const wallet = world.walletOf(DEPLOYER)
  const relay = { address: world.deployment.relay, abi: relayAbi } as const
  await world.mined(await wallet.writeContract({ ...relay, functionName: 'expire', args: [request] }))
  const over = await watchRequest(id)
  expect(over).toMatchObject({ code: 1, value: { state: 'expired', checks: null } })
  const expired = over.value.hops.at(-1)
  expect(expired).toMatchObject({ hop: 'expired', operator: world.operator.address.toLowerCase() })
  expect(expired.slashed).toBeGreaterThan(0n)
  expect(expired.refund).toBeGreaterThan(request.params.fee)
  await expect(watchRequest(`0x${'ab'.repeat(32)}`)).rejects.toMatchObject({ code: 'unknown-request' })
})

function watchRequest(id: Hex, timeout = 30) {
  const { deployment, policy } = files
  const options = { state: '', rpc: world.config.rpcUrl, deployment, policy, operatorUrl: [url], timeout }
  return runCommand(output => watch(id, options, output))
}

/** The input itself is its source: nothing is fetched. */
async function askByHash(): Promise<Requested> {
  const { client, deployment } = world
  const params = await world.params()
  return requestThrough({
    client,
    wallet: world.walletOf(DEPLOYER),
    relay: deployment.relay,
    consumer: deployment.relay,
    abi: relayAbi,
    functionName: 'requestByHash',
    args: [params, keccak256(INPUT), INPUT],
    value: await quote({ client, relay: deployment.relay, params }),
  })
}

async function pending(): Promise<number> {
  return (await world.chain.getTxpoolStatus()).pending
}

function names(hops: { hop: string }[]): string[] {
  return hops.map(hop => hop.hop)
}
