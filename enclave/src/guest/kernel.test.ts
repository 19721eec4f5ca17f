import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockKernel } from './kernel.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nacre-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const YAMA = 'kernel/yama/ptrace_scope'
function kernel(...names: string[]): void {
  mkdirSync(join(root, 'kernel/yama'), { recursive: true })
  for (const name of names) writeFileSync(join(root, name), '438')
}
const value = (name: string) => readFileSync(join(root, name), 'utf8')

test('locks what the kernel has, and makes nothing that it has not', () => {
  kernel('kernel/modules_disabled', 'kernel/panic_on_oops', 'kernel/sysrq', YAMA)
  lockKernel(root)
  expect(value('kernel/modules_disabled')).toBe('1')
  expect(value('kernel/panic_on_oops')).toBe('1')
  expect(value('kernel/sysrq')).toBe('0')
  expect(value(YAMA)).toBe('3')
  expect(readdirSync(join(root, 'kernel')).sort()).toEqual([
    'modules_disabled',
    'panic_on_oops',
    'sysrq',
    'yama',
  ])
  expect(existsSync(join(root, 'user'))).toBe(false)
})

test('a kernel that lets the engine read the memory with the keys is none', () => {
  kernel('kernel/modules_disabled', 'kernel/sysrq')
  expect(() => lockKernel(root)).toThrow('CONFIG_SECURITY_YAMA')
})

test('the kernel for Nitro has what init demands', () => {
  const config = readFileSync(join(import.meta.dirname, '../../kernel/config'), 'utf8').split('\n')
  expect(config).toEqual(expect.arrayContaining(['CONFIG_SECURITY=y', 'CONFIG_SECURITY_YAMA=y']))
})
