import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AgentProcess, killAgent, startAgentProcess } from '../../testing/agentProcess.ts'
import { expectBalances } from '../../testing/balances.ts'
import { createWorld, eventually, type World } from '../../testing/operatorWorld.ts'
import { startPostgres } from '../processes/postgres.ts'

/** Chooses when PostgreSQL is killed. NACRE_SEED=N repeats a run. */
const SEED = Number(process.env.NACRE_SEED ?? randomInt(2 ** 31))
const LOAD = 20
const HOURS = 3 * 3_600

let world: World
let agent: AgentProcess

beforeAll(async () => {
  world = await createWorld()
  // As clocks are: the registry takes evidence that is a minute ahead of the chain.
  agent = await start(30)
})

afterAll(async () => {
  await agent?.child.stop()
  await world?.close()
})

test(`PostgreSQL is killed and comes back while ${LOAD} requests wait: each is answered once (seed ${SEED})`, async () => {
  const asked = await standingStill(async () => {
    const ids: Hex[] = []
    while (ids.length < LOAD) ids.push(await world.ask())
    return ids
  })
  for (const share of [1 + (SEED % (LOAD / 2)), LOAD / 2 + (SEED % (LOAD / 2))]) {
    await eventually(async () => ((await answered(asked)) >= share ? true : undefined))
    const { port, pid, exited, stop } = world.processes.server
    process.kill(pid, 'SIGKILL')
    await exited
    await stop()
    world.processes.server = await startPostgres({ dir: join(world.dir, 'postgres'), port })
  }
  for (const id of asked) await answeredOnce(id)
})

test.each([HOURS, -HOURS])(
  'the clock is set by %i s while a request waits: it is answered when it can be',
  async shift => {
    const { baseFeePerGas: cheap } = await world.chain.getBlock()
    const maxGasPrice = cheap! * 2n
    const id = await standingStill(async () => {
      const waiting = await world.ask({ maxGasPrice })
      await mineAt(maxGasPrice * 10n)
      return waiting
    })
    const sql = 'select 1 from requests where id = $1 and reason = $2'
    const waits = () => world.database.query(sql, [id, 'base-fee-above-cap'])
    await eventually(async () => (await waits()).rows[0])
    await setClock(shift)
    await mineAt(cheap!)
    await answeredOnce(id)
    await setClock(0)
  },
)

test.each([
  { way: 'ahead of', shift: HOURS },
  { way: 'behind', shift: -HOURS },
])(
  'a clock that is hours $way the chain’s: the agent says so, and answers when it is right',
  async ({ shift }) => {
    await killAgent(agent)
    const refused = Promise.withResolvers<void>()
    const starting = start(shift, line => {
      if (line.includes('EVIDENCE_REJECTED')) refused.resolve()
    })
    const id = await world.ask()
    await refused.promise
    expect(await world.fulfilments(id)).toEqual([])
    writeFileSync(clock(), '0')
    agent = await starting
    await answeredOnce(id)
  },
)

test('the chain’s clock is hours ahead: the key that is registered goes on answering', async () => {
  await world.chain.increaseTime({ seconds: HOURS })
  await world.chain.mine({ blocks: 1 })
  await answeredOnce(await world.ask())
})

test(`no wei is lost or doubled (seed ${SEED})`, () => expectBalances(world))

const clock = () => join(world.dir, 'clock')

function start(shift: number, onLine?: (line: string) => void): Promise<AgentProcess> {
  writeFileSync(clock(), `${shift * 1_000}`)
  const preload = new URL(`../../testing/shiftedClock.ts?clock=${clock()}`, import.meta.url)
  const settings = { pollMs: 200, replaceAfterMs: 600_000 }
  const nodeArgs = ['--import', preload.href]
  return startAgentProcess(world, settings, onLine ? { nodeArgs, onLine } : { nodeArgs })
}

/** The agent's clock is off by so many seconds, as its metrics tell. */
async function setClock(shift: number): Promise<void> {
  writeFileSync(clock(), `${shift * 1_000}`)
  await eventually(async () => {
    const metrics = await (await fetch(`${agent.url}/metrics`)).text()
    const age = Number(/^nacre_chain_head_age_seconds (.*)$/m.exec(metrics)?.[1])
    return Math.abs(age - shift) < HOURS / 2 ? true : undefined
  })
}

/** What is done while the agent's process is stopped. */
async function standingStill<T>(work: () => Promise<T>): Promise<T> {
  process.kill(agent.child.pid, 'SIGSTOP')
  try {
    return await work()
  } finally {
    process.kill(agent.child.pid, 'SIGCONT')
  }
}

async function answered(ids: Hex[]): Promise<number> {
  const found = await Promise.all(ids.map(id => world.fulfilments(id)))
  return found.filter(({ length }) => length > 0).length
}

async function answeredOnce(id: Hex): Promise<void> {
  await world.untilFulfilled(id)
  await world.untilState(id, 'fulfilled')
  expect(await world.fulfilments(id)).toHaveLength(1)
}

async function mineAt(baseFeePerGas: bigint): Promise<void> {
  await world.chain.setNextBlockBaseFeePerGas({ baseFeePerGas })
  await world.chain.mine({ blocks: 1 })
}
