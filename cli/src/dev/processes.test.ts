import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { endOrphans, recordProcess } from './processes.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-processes-'))
  file = join(dir, 'processes.json')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('ends a recorded child, and forgets it', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  const exited = once(child, 'exit')
  recordProcess(file, 'child', child.pid!)
  expect(await endOrphans(file)).toEqual([`child (${child.pid})`])
  expect((await exited)[1]).toBe('SIGINT')
  expect(existsSync(file)).toBe(false)
})

test('leaves a process alone that got the pid of a dead one', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  try {
    recordProcess(file, 'child', child.pid!)
    const [entry] = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify([{ ...entry, startedAt: '1' }]))
    expect(await endOrphans(file)).toEqual([])
    expect(child.exitCode).toBeNull()
  } finally {
    child.kill('SIGKILL')
  }
})

test('a damaged or hostile record ends nothing', async () => {
  for (const text of ['', '{', '[null, 1]', '[{"name":"x","pid":1,"startedAt":"0"}]', '{"pid":-1}']) {
    writeFileSync(file, text)
    expect(await endOrphans(file)).toEqual([])
  }
})
