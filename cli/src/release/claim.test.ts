import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { claimOf } from './claim.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-claim-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('who brings the kernel is told, for it is compared with itself', () => {
  const kernel = join(dir, 'bzImage')
  writeFileSync(kernel, 'anything')
  expect(claimOf({})).toBe('what these sources build')
  expect(claimOf({ kernel })).toContain('WHICH THESE SOURCES DO NOT KNOW')
  // Nothing was built then, with it or without.
  expect(claimOf({ kernel, against: dir })).toBe(`the same as ${dir}`)
})
