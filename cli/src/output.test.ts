import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { CLI_ERROR_CODES, CLI_ERROR_EXIT, CliError } from './errors.ts'
import { describeError, plain } from './output.ts'

test('text of others cannot colour, move the cursor, begin a line or turn the direction', () => {
  const hostile = 'a\x1b[2K\rok  signature\n\x9b31mb\x7f\u202ec\u2066d\u2028e\0'
  expect(plain(hostile)).toBe('a�[2K�ok  signature��31mb��c�d�e�')
  expect(plain('5.1 × 3.5 cm ≈ “setosa” ✓ 桜')).toBe('5.1 × 3.5 cm ≈ “setosa” ✓ 桜')
})

test('an error keeps its code, why and fix; what has no code is a bug', () => {
  const error = new CliError('bad-file', { what: 'w', why: 'y', fix: 'f' })
  expect(describeError(error)).toEqual({ code: 'bad-file', message: 'w', why: 'y', fix: 'f' })
  const fix = expect.stringContaining('bug in nacre')
  expect(describeError(new TypeError('x'))).toEqual({ code: 'internal', message: 'x', fix })
  expect(describeError('thrown')).toEqual({ code: 'internal', message: 'thrown', fix })
})

test('every code of the command line has an exit code', () => {
  expect(Object.keys(CLI_ERROR_EXIT).sort()).toEqual([...CLI_ERROR_CODES].sort())
})

test('what the kernel refuses says what to do, too', async () => {
  const error = await readFile('/nowhere').catch(error => error)
  expect(describeError(error)).toMatchObject({ code: 'ENOENT', fix: expect.stringContaining('usable') })
})
