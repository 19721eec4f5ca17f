import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openState } from './state.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-state-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const refusal = (path: string): Error & { code?: string; why?: string } => {
  try {
    openState(path)
  } catch (error) {
    return error as Error
  }
  throw new Error('it was accepted')
}

test('makes a folder that others cannot list, and takes it again', () => {
  const root = join(dir, 'a', 'state')
  expect(openState(root).root).toBe(root)
  expect(statSync(root).mode & 0o066).toBe(0)
  writeFileSync(join(root, 'deployment.json'), '{}')
  expect(openState(root).root).toBe(root)
})

test('takes an empty folder, also through a link', () => {
  mkdirSync(join(dir, 'empty'))
  symlinkSync(join(dir, 'empty'), join(dir, 'link'))
  openState(join(dir, 'link'))
  expect(existsSync(join(dir, 'empty', 'nacre-state'))).toBe(true)
})

test('refuses a folder of other files, and touches nothing', () => {
  mkdirSync(join(dir, 'models'))
  expect(refusal(dir)).toMatchObject({ code: 'state-unusable', why: expect.stringContaining('models') })
  expect(existsSync(join(dir, 'nacre-state'))).toBe(false)
})

test('refuses a marker that is a link', () => {
  writeFileSync(join(dir, 'target'), '')
  symlinkSync(join(dir, 'target'), join(dir, 'nacre-state'))
  expect(refusal(dir)).toMatchObject({ code: 'state-unusable' })
})

test('refuses a folder that everybody may write to', () => {
  chmodSync(dir, 0o777)
  expect(refusal(dir)).toMatchObject({ code: 'state-unusable', why: expect.stringContaining('everybody') })
})

test('refuses a folder of somebody else', () => {
  let path = '/'
  if (process.getuid!() === 0) {
    path = join(dir, 'theirs')
    mkdirSync(path)
    chownSync(path, 65_534, 65_534)
  }
  expect(refusal(path)).toMatchObject({ code: 'state-unusable', why: expect.stringContaining('belongs') })
})

test('refuses a file, and a place where nothing can be made', () => {
  writeFileSync(join(dir, 'file'), '')
  for (const path of [join(dir, 'file'), join(dir, 'file', 'in'), '/proc/nacre'])
    expect(refusal(path), path).toMatchObject({ code: 'state-unusable', fix: expect.any(String) })
})
