import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { relayAbi } from '@nacre/contracts'
import { requestByHash } from '@nacre/sdk'
import { fromHex, type Hex } from '@nacre/verify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { keccak256 } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createWorld, DEPLOYER, eventually, INPUT, type World } from '../../testing/operatorWorld.ts'
import { parseConfig } from '../common/config.ts'
import { createShutdown, type Shutdown } from '../common/shutdown.ts'
import { operatorConfig } from './config.ts'
import { startOperator } from './start.ts'

let world: World
let files: Server
let url: string
let shutdown: Shutdown | undefined
const answers = new Map<string, () => Uint8Array | undefined>()
let asked: string[] = []

beforeAll(async () => {
  world = await createWorld()
  files = createServer((request, response) => {
    asked.push(request.url!)
    const bytes = answers.get(request.url!)?.()
    if (bytes) response.end(bytes)
  })
  await new Promise<void>(resolve => files.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
})

afterEach(async () => {
  await shutdown?.close()
  asked = []
})

afterAll(async () => {
  files.closeAllConnections()
  files.close()
  await world.close()
})

async function start(inputs: { accept?: boolean; allowPrivate: boolean }): Promise<void> {
  const logger = pino({ level: 'silent' })
  shutdown = createShutdown({ logger })
  const config = parseConfig(operatorConfig, { ...world.config, inputs, pollMs: 100 }, 'test')
  await startOperator({ config, logger, metrics: new Registry(), shutdown })
}

async function ask(source: string): Promise<Hex> {
  const { client, deployment } = world
  const params = await world.params()
  const inputHash = keccak256(INPUT)
  const wallet = world.walletOf(DEPLOYER)
  const { relay } = deployment
  return (await requestByHash({ client, wallet, relay, params, inputHash, source })).id
}

const accepted = (id: Hex) =>
  world.chain.getContractEvents({
    address: world.deployment.relay,
    abi: relayAbi,
    eventName: 'Accepted',
    args: { id },
    fromBlock: 0n,
  })

test('an input that is somewhere else is fetched and answered', async () => {
  answers.set('/input', () => fromHex(INPUT))
  await start({ allowPrivate: true })
  const id = await ask(`${url}/input`)
  expect(await world.untilFulfilled(id)).toMatchObject({ status: 0 })
  expect(asked).toEqual(['/input'])
  expect(await accepted(id)).toHaveLength(0)
})

test('an operator that accepts first says so on chain, once, and answers', async () => {
  answers.set('/input', () => fromHex(INPUT))
  await start({ allowPrivate: true, accept: true })
  const id = await ask(`${url}/input`)
  expect(await world.untilFulfilled(id)).toMatchObject({ status: 0 })
  expect(await accepted(id)).toHaveLength(1)
})

test('bytes with another hash are never answered; the right ones that come later are', async () => {
  let turns = 0
  answers.set('/late', () => (turns++ === 0 ? new Uint8Array([1]) : fromHex(INPUT)))
  await start({ allowPrivate: true })
  const id = await ask(`${url}/late`)
  expect(await world.untilFulfilled(id)).toMatchObject({ status: 0 })
  expect(turns).toBe(2)
})

test('sources that never end hold up nobody, and end with the agent', async () => {
  answers.set('/never', () => undefined)
  await start({ allowPrivate: true })
  const endless: Hex[] = []
  for (let i = 0; i < 20; i++) endless.push(await ask(`${url}/never`))
  await eventually(async () => (asked.length > 1 ? true : undefined))
  expect(await world.untilFulfilled(await world.ask())).toMatchObject({ status: 0 })
  expect(asked.length).toBeLessThan(endless.length)
  expect(await world.untilState(endless[0]!, 'seen')).toMatchObject({ reason: 'fetching-input' })
})

test('a source on the operator’s own network is not asked, and the request is skipped', async () => {
  await start({ allowPrivate: false })
  const id = await ask(`${url}/input`)
  expect(await world.untilState(id, 'skipped')).toMatchObject({ reason: 'input-unavailable' })
  expect(asked).toEqual([])
})
