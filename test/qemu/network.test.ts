import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordedPid } from '../../cli/src/dev/processes.ts'
import { freePorts } from '../../host/testing/ports.ts'
import { lastLine, nacre, processesOf, type Started, start } from '../e2e/nacre.ts'
import { type Check, failedChecks } from '../e2e/receipts.ts'

/** One network with enclaves that are machines, through two kinds of sudden death. A boot takes a core for seconds. */
type Result = { requests: { consumer: string; receipt: string; checks: Check[] }[] }

const CONSUMERS = ['IrisOracle', 'IrisOracle', 'IrisOracle', 'IrisOracle', 'DigitReader', 'DigitReader']
const END_MS = 30_000
const dir = mkdtempSync(join(tmpdir(), 'nacre-qemu-network-'))
const state = join(dir, 'state')
/** Of the one operator. */
const ENCLAVES = join(state, 'operator/1/enclaves')
const args = ['dev', '--json', '--tee', 'qemu', '--operators', '1', '--state', state]

let port: string
let running: Started
/** Of every machine that this state ever had. */
const machines: number[] = []

beforeAll(async () => {
  port = `${await freePorts(7)}`
  running = start([...args, '--port', port])
  await running.says('stdout', '\n')
})
afterAll(async () => {
  await running.end()
  rmSync(dir, { recursive: true, force: true })
})

test('answers of an enclave that is a machine are verified, and its evidence is of the image', async () => {
  const { requests } = lastLine(running.stdout()) as Result
  expect(requests.map(one => one.consumer)).toEqual(CONSUMERS)
  expect(requests.flatMap(one => one.checks.filter(check => !check.ok))).toEqual([])
  const file = join(state, 'receipts', `${requests[0]!.receipt}.json`)
  const chain = { policy: join(state, 'policy.json'), rpc: `http://127.0.0.1:${Number(port) + 1}` }
  expect(await failedChecks(file, chain)).toEqual([])
  // What passed as its evidence is of the image file: of a folder that runs as a process there is no such release.
  const { release } = JSON.parse(readFileSync(file, 'utf8'))
  expect(release.manifest).toMatchObject({ version: 2, measurements: [{ kind: 'nitro' }] })
})

test('people read that it is SIMULATED, and in what the enclaves run', () => {
  expect(running.stderr()).toContain('SIMULATED')
  expect(running.stderr()).toContain('the enclaves run in virtual machines without a network')
})

// The same as below, of one process: in the long run.
if (process.env.NACRE_LONG === '1')
  test('an agent is killed: its machine ends, and the agent comes back with another', async () => {
    const machine = machineOf()
    process.kill(recordedPid(join(state, 'processes.json'), 'operator 1')!, 'SIGKILL')
    await running.says('stderr', 'operator 1 is back with a new key')
    expect(machineOf()).not.toBe(machine)
    await ended(machine)
    const asked = await nacre('request', 'lenet5', '--state', state, '--json')
    expect(asked.code, asked.stderr).toBe(0)
    expect((asked.json.checks as Check[]).filter(check => !check.ok)).toEqual([])
  })

test('everything is killed: the next start goes on from the same state, and ends with nothing left running', async () => {
  const machine = machineOf()
  const agent = recordedPid(join(state, 'processes.json'), 'operator 1')!
  for (const pid of [running.process.pid!, agent]) process.kill(pid, 'SIGKILL')
  await running.end()
  const before = receipts()
  const again = await nacre(...args, '--once', '--port', port)
  expect(again.code, again.stderr).toBe(0)
  const { requests } = again.json as Result
  expect(requests.flatMap(one => one.checks.filter(check => !check.ok))).toEqual([])
  expect(receipts()).toHaveLength(before.length + requests.length)
  await ended(machine)
  await Promise.all(machines.map(ended))
  expect(readdirSync(ENCLAVES)).toEqual([])
  expect(processesOf(state)).toEqual([])
})

/** The machine of the one operator, as its record names it: its command line names no state folder. */
function machineOf(): number {
  const [file, ...others] = readdirSync(ENCLAVES).filter(name => name.endsWith('.json'))
  expect(others).toEqual([])
  const { processes } = JSON.parse(readFileSync(join(ENCLAVES, file!), 'utf8'))
  const pid = Number(processes[0].split(' ')[0])
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('qemu-system')
  machines.push(pid)
  return pid
}

async function ended(pid: number): Promise<void> {
  for (const deadline = Date.now() + END_MS; existsSync(`/proc/${pid}`); await sleep(50))
    if (Date.now() > deadline) throw new Error(`the machine ${pid} is still there`)
}

function receipts(): string[] {
  return readdirSync(join(state, 'receipts'))
}
