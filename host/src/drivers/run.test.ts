import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { writeRelease } from '../../../test/releaseFolder.ts'
import { launchOptions } from '../../testing/launches.ts'
import { installPrograms, type Programs } from '../../testing/programs.ts'
import { isRunning } from '../processes/identity.ts'
import { createConsole } from './console.ts'
import { readEif } from './eifFile.ts'
import { loadImage } from './image.ts'
import { bootQemu } from './qemuProcess.ts'
import { openRun } from './run.ts'
import { createTdxDriver } from './tdx.ts'

let dir: string
let programs: Programs
let listeners: number

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-state-'))
  programs = installPrograms()
  listeners = process.listenerCount('exit')
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  programs.remove()
  rmSync(dir, { recursive: true, force: true })
})

test('a launch that cannot be written down, or has no folder, leaves nothing: it is tried again and again', async () => {
  writeFileSync(join(dir, 'file'), '')
  await expect(openRun('qemu', join(dir, 'file'))).rejects.toThrow('ENOTDIR')
  vi.stubEnv('TMPDIR', join(dir, 'nowhere'))
  await expect(openRun('qemu', dir)).rejects.toThrow('ENOENT')
  expect(readdirSync(join(dir, 'enclaves'))).toEqual([])
  expect(process.listenerCount('exit')).toBe(listeners)
})

test('a machine that was started and cannot be written down ends with the launch that failed', async () => {
  writeRelease(join(dir, 'image'))
  const { eif } = await readEif(await loadImage(join(dir, 'image')))
  programs.add('qemu-system-x86_64', `echo $$ > ${dir}/pid; exec sleep 600`)
  const run = await openRun('qemu', dir)
  const started = () => existsSync(join(dir, 'pid')) && readFileSync(join(dir, 'pid'), 'utf8').endsWith('\n')
  const record = () => {
    throw new Error('no space left on device')
  }
  const boot = { ...run, record, console: createConsole(() => {}) }
  await expect(bootQemu(eif, boot, { machine: [] })).rejects.toThrow('no space')
  await vi.waitFor(() => expect(started()).toBe(true))
  const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'))
  expect(isRunning(pid)).toBe(true)
  await run.close()
  expect(isRunning(pid)).toBe(false)
  expect([existsSync(run.folder), readdirSync(join(dir, 'enclaves'))]).toEqual([false, []])
})

test('a launch that is given up leaves nothing, whatever it had started', async () => {
  writeRelease(join(dir, 'image'))
  const image = await loadImage(join(dir, 'image'))
  programs.add('qemu-system-x86_64', `echo $$ >> ${dir}/pid; exec sleep 600`)
  const driver = createTdxDriver({ firmware: join(dir, 'image', 'manifest.json') })
  for (const until of ['before', 'while'] as const) {
    const giveUp = new AbortController()
    if (until === 'before') giveUp.abort(new Error('given up'))
    const launched = driver.launch(image, launchOptions({ stateDir: dir, signal: giveUp.signal }))
    const outcome = expect(launched).rejects.toThrow(until === 'before' ? 'given up' : 'the enclave ended')
    if (until === 'while') {
      await vi.waitFor(() => expect(existsSync(join(dir, 'pid'))).toBe(true))
      giveUp.abort(new Error('given up'))
    }
    await outcome
    expect(readdirSync(join(dir, 'enclaves'))).toEqual([])
  }
  expect(isRunning(Number(readFileSync(join(dir, 'pid'), 'utf8')))).toBe(false)
  expect(process.listenerCount('exit')).toBe(listeners)
})

test('this process ends and signals no group of processes, whatever was recorded as one', async () => {
  const run = await openRun('qemu', dir)
  const signalled: number[] = []
  vi.spyOn(process, 'kill').mockImplementation(pid => {
    signalled.push(pid)
    return true
  })
  run.record({ pids: [-1, 0, 1, 4_194_305] })
  process.listeners('exit').at(-1)?.(0)
  expect(signalled).toEqual([4_194_305])
  await run.close()
})
