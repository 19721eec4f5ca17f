import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockState } from './lock.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'nacre-lock-'))

test('a second holder is refused, also in the same process, until the first releases', () => {
  const dir = folder()
  const lock = lockState(dir)
  expect(() => lockState(dir)).toThrow(expect.objectContaining({ code: 'STATE_IN_USE' }))
  lock.release()
  lockState(dir).release()
  expect(existsSync(join(dir, 'lock'))).toBe(false)
})

test('the lock of a process that was killed is taken over', async () => {
  const dir = folder()
  const script = `import { lockState } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))}
    lockState(${JSON.stringify(dir)}); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  expect(() => lockState(dir)).toThrow(expect.objectContaining({ code: 'STATE_IN_USE' }))
  child.kill('SIGKILL')
  await once(child, 'exit')
  lockState(dir).release()
})

test('a pid that now belongs to another process does not hold the lock', () => {
  const dir = folder()
  writeFileSync(join(dir, 'lock'), `${process.pid} 1`)
  lockState(dir).release()
})

test('releasing twice does not free the lock of the next holder', () => {
  const dir = folder()
  writeFileSync(join(dir, 'lock'), 'not a lock')
  const lock = lockState(dir)
  lock.release()
  writeFileSync(join(dir, 'lock'), '1 1')
  lock.release()
  expect(existsSync(join(dir, 'lock'))).toBe(true)
})
