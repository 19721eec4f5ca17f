import { stripVTControlCharacters as strip } from 'node:util'
import { expect, test } from 'vitest'
import { readable } from './run.ts'

const line = (entry: object): string =>
  `${JSON.stringify({ level: 30, time: 0, name: 'operator', pid: 1, hostname: 'h', ...entry })}\n`

test('a line of the log is read by people', () => {
  const told = line({ msg: 'answered', request: '0x12', status: 0 })
  expect(strip(readable(told))).toBe('00:00:00.000  info   answered  request 0x12, status 0')
  expect(strip(readable(line({ level: 40, msg: 'away', error: { code: 'X' } })))).toBe(
    '00:00:00.000  warn   away  error {"code":"X"}',
  )
})

test('what others wrote steers no terminal', () => {
  const told = readable(line({ msg: 'a\x1b[2Jb\nc' }))
  expect(told).toContain('a\ufffd[2Jb\ufffdc')
  expect(told).not.toContain('\x1b[2J')
  expect(readable('no JSON\x07\n')).toBe('no JSON\ufffd')
})
