import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeProcess, isAlive } from '../processes/identity.ts'
import { createRecords } from './records.ts'

let stateDir: string

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'nacre-state-'))
})

afterEach(() => rm(stateDir, { recursive: true, force: true }))

const fileOf = (name: string) => join(stateDir, 'enclaves', `${name}.json`)

/** A record of this process, as if another one, which is gone, had written it; `changes` replace fields. */
function orphan(name: string, launch: { pids?: number[]; folder?: string; handle?: string }, changes = {}) {
  createRecords('qemu', stateDir).add({ name, pids: [], ...launch })
  const stored = JSON.parse(readFileSync(fileOf(name), 'utf8'))
  writeFileSync(fileOf(name), JSON.stringify({ ...stored, owner: '1 1', ...changes }))
}

/** Started by this process, and ended at the end of the test. */
function sleeper(env: Record<string, string> = {}): number {
  const child = spawn('sleep', ['60'], { stdio: 'ignore', env: { ...process.env, ...env } })
  children.push(child)
  return child.pid!
}
const children: ReturnType<typeof spawn>[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

test('a launch that ended leaves no record, and without a state folder there is none', async () => {
  const remove = createRecords('qemu', stateDir).add({ name: 'qemu-one', pids: [process.pid] })
  expect(existsSync(fileOf('qemu-one'))).toBe(true)
  remove()
  remove()
  expect(readdirSync(join(stateDir, 'enclaves'))).toEqual([])
  createRecords('qemu', undefined).add({ name: 'qemu-two', pids: [] })()
  expect(await createRecords('qemu', undefined).sweep()).toEqual([])
  expect(await createRecords('qemu', join(stateDir, 'none')).sweep()).toEqual([])
})

test('what a record names is ended and deleted, and nothing of a launcher that runs', async () => {
  const [left, served] = [sleeper(), sleeper()]
  const folder = mkdtempSync(join(tmpdir(), 'nacre-'))
  orphan('qemu-left', { pids: [left], folder })
  createRecords('qemu', stateDir).add({ name: 'qemu-served', pids: [served], folder: stateDir })
  const [gone, alive] = [describeProcess(left), describeProcess(served)]
  expect(await createRecords('qemu', stateDir).sweep()).toEqual(['qemu-left'])
  expect([isAlive(gone), isAlive(alive)]).toEqual([false, true])
  expect([existsSync(folder), existsSync(stateDir)]).toEqual([false, true])
})

test('what was started and not yet written down is found by the launch’s folder, and nothing else is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nacre-'))
  const pids = [folder, `${folder}0`, undefined].map(mark =>
    sleeper(mark === undefined ? {} : { NACRE_LAUNCH: mark }),
  )
  const described = pids.map(describeProcess)
  orphan('qemu-left', { folder })
  expect(await createRecords('qemu', stateDir).sweep()).toEqual(['qemu-left'])
  expect(described.map(isAlive)).toEqual([false, true, true])
})

test('a process id that belongs to another process now is left alone', async () => {
  const pid = sleeper()
  const [, start] = describeProcess(pid).split(' ')
  orphan('qemu-reused', {}, { processes: [`${pid} ${Number(start) - 1}`] })
  orphan('qemu-rebooted', { pids: [pid] }, { boot: 'another boot' })
  expect(await createRecords('qemu', stateDir).sweep()).toEqual(['qemu-rebooted', 'qemu-reused'])
  expect(isAlive(`${pid} ${start}`)).toBe(true)
})

test('another driver’s launches are its own business', async () => {
  orphan('qemu-left', {})
  expect(await createRecords('simulated', stateDir).sweep()).toEqual([])
  expect(await createRecords('qemu', stateDir).sweep()).toEqual(['qemu-left'])
})

test('a launch without a process here is ended by its handle', async () => {
  orphan('qemu-left', { handle: 'i-0123-enc0123' })
  const records = createRecords('qemu', stateDir)
  await expect(records.sweep()).rejects.toMatchObject({ code: 'sweep-failed' })
  const refused = records.sweep(() => Promise.reject(new Error('it is busy')))
  await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('it is busy') })
  const ended: string[] = []
  expect(await records.sweep(async handle => void ended.push(handle))).toEqual(['qemu-left'])
  expect(ended).toEqual(['i-0123-enc0123'])
})

const broken: [string, object | string][] = [
  ['no JSON', 'noise'],
  ['too long', ' '.repeat(16_385)],
  ['of another version', { version: 2 }],
  ['of a folder that no driver made', { folder: '/etc' }],
  ['of a folder beside its own', { folder: '/tmp/nacre-x/../../etc' }],
  ['of a relative folder', { folder: 'nacre-x' }],
  ['with a field too many', { command: 'rm' }],
]
test.each(broken)('a record that is %s is told, after the others were swept', async (_, changes) => {
  mkdirSync(join(stateDir, 'enclaves'))
  if (typeof changes === 'string') writeFileSync(fileOf('qemu-broken'), changes)
  else orphan('qemu-broken', {}, changes)
  orphan('qemu-left', {})
  const sweep = createRecords('qemu', stateDir).sweep()
  await expect(sweep).rejects.toMatchObject({
    code: 'sweep-failed',
    message: expect.stringContaining('qemu-broken.json'),
  })
  expect(readdirSync(join(stateDir, 'enclaves'))).toEqual(['qemu-broken.json'])
})
