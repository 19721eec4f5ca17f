import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockKernel } from './kernel.ts'

test('locks what the kernel has, and makes nothing that it has not', () => {
  const root = mkdtempSync(join(tmpdir(), 'nacre-'))
  mkdirSync(join(root, 'kernel'))
  for (const name of ['modules_disabled', 'panic_on_oops', 'sysrq'])
    writeFileSync(join(root, 'kernel', name), '438')
  lockKernel(root)
  expect(readFileSync(join(root, 'kernel/modules_disabled'), 'utf8')).toBe('1')
  expect(readFileSync(join(root, 'kernel/panic_on_oops'), 'utf8')).toBe('1')
  expect(readFileSync(join(root, 'kernel/sysrq'), 'utf8')).toBe('0')
  expect(readdirSync(join(root, 'kernel')).sort()).toEqual(['modules_disabled', 'panic_on_oops', 'sysrq'])
  expect(existsSync(join(root, 'user'))).toBe(false)
  rmSync(root, { recursive: true })
})
