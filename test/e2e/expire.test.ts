import { join } from 'node:path'
import { relayAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { saveDeployment } from '../../cli/src/dev/chain.ts'
import { announceNetwork } from '../../cli/src/dev/network.ts'
import { statePaths } from '../../cli/src/paths.ts'
import { createWorld, type World } from '../../host/testing/operatorWorld.ts'
import { nacre } from './nacre.ts'

// A network whose operator is staked and never answers.
let world: World
let state: string

beforeAll(async () => {
  world = await createWorld()
  state = join(world.dir, 'network')
  const { client, deployment, config } = world
  const paths = statePaths(state)
  saveDeployment(paths.deployment, deployment)
  const releaseId: Hex = `0x${'11'.repeat(32)}`
  announceNetwork({ paths, client, rpcUrl: config.rpcUrl, operators: {}, deployment, releaseId, catalog: [] })
})

afterAll(() => world?.close())

test('nacre request expire ends overdue requests, each once, and leaves the others alone', async () => {
  const [first, second] = [await askFor(12n), await askFor(12n)]
  const patient = await askFor(3_000n)
  expect((await nacreExpire('--overdue')).json).toEqual({ expired: [], closed: [] })
  const early = await nacreExpire(first)
  expect(early.code).toBe(1)
  expect(early.json.error).toMatchObject({
    code: 'relay-reverted',
    message: expect.stringContaining('DeadlineNotReached'),
    fix: expect.stringContaining('Wait'),
  })

  await world.chain.increaseTime({ seconds: 20 })
  const one = await nacreExpire(first)
  expect(one.code, one.stderr).toBe(0)
  expect(one.json).toMatchObject({ expired: [{ request: first, slashed: '10000000000000000' }], closed: [] })
  expect((await nacreExpire(first)).json).toEqual({ expired: [], closed: [first] })

  const all = await nacreExpire('--overdue')
  expect(all.json).toMatchObject({ expired: [{ request: second }], closed: [] })
  expect((await nacreExpire('--overdue')).json).toEqual({ expired: [], closed: [] })
  expect(await Promise.all([first, second, patient].map(isOpen))).toEqual([false, false, true])
})

test('a request that the relay never had, an id that is none, and none at all are told apart', async () => {
  const unknown = await nacreExpire(`0x${'22'.repeat(32)}`)
  expect(unknown).toMatchObject({ code: 2, json: { error: { code: 'bad-input' } } })
  expect(unknown.stderr).toContain('there is no request')
  expect(await nacreExpire('0x22')).toMatchObject({ code: 2, json: { error: { code: 'bad-input' } } })
  expect(await nacreExpire()).toMatchObject({ code: 2, json: { error: { code: 'usage' } } })
})

function nacreExpire(...args: string[]) {
  return nacre('request', 'expire', ...args, '--state', state, '--json')
}

async function askFor(seconds: bigint): Promise<Hex> {
  const { timestamp } = await world.chain.getBlock({ blockTag: 'pending' })
  return world.ask({ deadline: timestamp + seconds })
}

async function isOpen(id: Hex): Promise<boolean> {
  const call = { address: world.deployment.relay, abi: relayAbi, functionName: 'commitmentOf' } as const
  return BigInt(await world.chain.readContract({ ...call, args: [id] })) !== 0n
}
