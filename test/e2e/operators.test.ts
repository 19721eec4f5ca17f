import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Hex, parseBundle } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isRunning } from '../../host/src/processes/identity.ts'
import { freePorts } from '../../host/testing/ports.ts'
import { lastLine, nacre, processesOf, type Started, start } from './nacre.ts'
import { type Check, failedChecks } from './receipts.ts'

// One network for all tests, in their order: each start costs seconds.

type Request = { operator: Hex; receipt: string; checks: Check[] }
type Round = {
  request: Hex
  assigned: Hex
  answered_by: Hex
  receipt: string
  new_key: boolean
  answered_again: Hex
  not_answered_once: Hex[]
  ok: boolean
  checks: Check[]
}
type Result = { requests: Request[]; chaos: Round[] }
type Health = { ok: boolean; receiptKey: Hex; enclavePid: number }

const LONG = 300_000

let dir: string
let state: string
let port: number
let running: Started
let first: Result

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-operators-'))
  state = join(dir, 'state')
  port = await freePorts(7)
  running = start(['dev', '--chaos', '1', '--seed', '7', '--json', '--state', state, '--port', `${port}`])
  await running.says('stdout', '\n')
  first = lastLine(running.stdout()) as Result
}, LONG)

afterAll(async () => {
  await running?.end()
  rmSync(dir, { recursive: true, force: true })
}, LONG)

test('three operators serve, each with its own account, key, folder and schema', async () => {
  const serving = await Promise.all(Object.values(operators()).map(healthOf))
  expect(serving.map(({ ok }) => ok)).toEqual([true, true, true])
  expect(new Set(serving.map(({ receiptKey }) => receiptKey)).size).toBe(3)
  const configs = [1, 2, 3].map(number =>
    JSON.parse(readFileSync(join(state, 'operator', `${number}`, 'config.json'), 'utf8')),
  )
  for (const field of ['schema', 'stateDir', 'privateKeyFile'])
    expect(new Set(configs.map(config => config[field])).size, field).toBe(3)
})

test('a receipt names the operator that answered, and comes from it', async () => {
  for (const { operator, receipt, checks } of first.requests) {
    expect(Object.keys(operators())).toContain(operator)
    expect(bundleOf(receipt).config.operator).toBe(operator)
    expect(failed(checks)).toEqual([])
  }
  const asked = await nacre('request', 'iris-mlp', '--state', state, '--json')
  expect(asked.code, asked.stderr).toBe(0)
  expect(Object.keys(operators())).toContain(asked.json.operator)
})

test('chaos: the assigned operator is killed, another one answers, the killed one comes back and answers', async () => {
  expect(first.chaos).toHaveLength(1)
  const [round] = first.chaos as [Round]
  expect(round).toMatchObject({ ok: true, new_key: true, not_answered_once: [] })
  expect(round.answered_by).not.toBe(round.assigned)
  expect(Object.keys(operators())).toEqual(expect.arrayContaining([round.assigned, round.answered_by]))
  expect(failed(round.checks)).toEqual([])
  expect(bundleOf(round.receipt).config.operator).toBe(round.answered_by)
  const file = join(state, 'receipts', `${round.receipt}.json`)
  expect(await failedChecks(file, { policy: join(state, 'policy.json') })).toEqual([])
})

test(
  'an operator that dies is started again with a new key, and its enclave ends with it',
  async () => {
    const [, url] = Object.values(operators()) as [string, string]
    const before = await healthOf(url)
    process.kill(pidOf('operator 2'), 'SIGKILL')
    await running.says('stderr', 'operator 2 died')
    await until(async () => {
      const now = await healthOf(url).catch(() => undefined)
      return now?.ok === true && now.receiptKey !== before.receiptKey
    })
    await until(() => !isRunning(before.enclavePid))
    expect(running.process.exitCode).toBeNull()
  },
  LONG,
)

test(
  'Ctrl-C leaves nothing running',
  async () => {
    const enclaves = (await Promise.all(Object.values(operators()).map(healthOf))).map(one => one.enclavePid)
    expect(await running.end('SIGINT')).toBe(0)
    expect(processesOf(state)).toEqual([])
    expect(enclaves.filter(isRunning)).toEqual([])
  },
  LONG,
)

test(
  'the saved state goes on with fewer operators: whoever does not run is not waited for',
  async () => {
    const kept = readdirSync(join(state, 'receipts')).length
    const again = ['dev', '--once', '--operators', '1', '--json', '--state', state, '--port', `${port}`]
    const { code, json, stderr } = await nacre(...again)
    expect(code, stderr).toBe(0)
    const { requests } = json as Result
    expect(new Set(requests.map(one => one.operator)).size).toBe(1)
    expect(requests.flatMap(one => failed(one.checks))).toEqual([])
    expect(readdirSync(join(state, 'receipts'))).toHaveLength(kept + requests.length)
  },
  LONG,
)

function operators(): Record<Hex, string> {
  return JSON.parse(readFileSync(join(state, 'network.json'), 'utf8')).operators
}

async function healthOf(url: string): Promise<Health> {
  return (await (await fetch(`${url}/health`)).json()) as Health
}

function bundleOf(receipt: string) {
  return parseBundle(readFileSync(join(state, 'receipts', `${receipt}.json`), 'utf8'))
}

/** The newest process of this name that nacre dev recorded. */
function pidOf(name: string): number {
  const records = JSON.parse(readFileSync(join(state, 'processes.json'), 'utf8'))
  return records.findLast((one: { name: string }) => one.name === name).pid
}

function failed(checks: readonly Check[]): string[] {
  return checks.filter(check => !check.ok).map(check => check.name)
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20)
}
