import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ERROR_CODES, messageOf, NacreError } from './errors.ts'

test('docs/errors.md documents every code of verify, and no other', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')
  const section = text.split(/^## /m).find(part => part.startsWith('verify\n')) ?? ''
  const rows = [...section.matchAll(/^\| `([^`]+)` +\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)]
  expect(rows.map(([, code]) => code)).toEqual([...ERROR_CODES])
  for (const [, code, , , fix] of rows) expect(fix?.trim(), code).toBe(new NacreError(code as never, '').fix)
})

test('an error carries its code, fix and cause; other packages bring codes of their own', () => {
  const cause = new Error('why')
  const error = new NacreError<'mine'>('mine', 'what', { fix: 'do this', cause })
  expect(error).toMatchObject({ name: 'NacreError', code: 'mine', message: 'what', fix: 'do this', cause })
  expect(new NacreError<'mine'>('mine', 'what').fix).toBeUndefined()
  expect([messageOf(error), messageOf('text')]).toEqual(['what', 'text'])
})
