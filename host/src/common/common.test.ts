import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { loadConfig } from './config.ts'
import { describeError, ERROR_CODES, FatalError, RetryableError } from './errors.ts'
import { createShutdown } from './shutdown.ts'
import { retry, unlessAborted } from './wait.ts'

const logger = pino({ level: 'silent' })
const schema = z.strictObject({ port: z.int(), name: z.string() })

function fileOf(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'nacre-config-')), 'config.json')
  writeFileSync(file, text)
  return file
}

test('every error code is documented', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/operating.md'), 'utf8')
  expect(ERROR_CODES.filter(code => !page.includes(`| \`${code}\` |`))).toEqual([])
})

test('a configuration is read, and a wrong one names the file and every wrong field', () => {
  expect(loadConfig(schema, fileOf('{"port":1,"name":"a"}'))).toEqual({ port: 1, name: 'a' })
  const wrong = fileOf('{"port":"1","name":2,"more":3}')
  for (const part of [wrong, 'port', 'name', 'more']) expect(() => loadConfig(schema, wrong)).toThrow(part)
  for (const file of [wrong, fileOf('{'), '/no/such/file']) {
    expect(() => loadConfig(schema, file)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', fix: expect.any(String) }),
    )
  }
})

test('what was opened last closes first, a failure stops nothing, and closing happens once', async () => {
  const shutdown = createShutdown({ logger })
  const closed: string[] = []
  shutdown.onClose('first', () => closed.push('first'))
  shutdown.onClose('broken', () => Promise.reject(new Error('stop')))
  shutdown.onClose('last', () => closed.push('last'))
  expect(await Promise.all([shutdown.close(), shutdown.close()])).toEqual([false, false])
  expect(closed).toEqual(['last', 'first'])
  expect(shutdown.signal.aborted).toBe(true)
})

test('closing that hangs ends at the deadline', async () => {
  const shutdown = createShutdown({ logger, deadlineMs: 10 })
  shutdown.onClose('hangs', () => new Promise(() => {}))
  expect(await shutdown.close()).toBe(false)
})

test('what cost gas is tried again later and later, and what did not as before', async () => {
  const pauses: number[] = []
  const errors = [true, false, true, true].map(
    paid => new RetryableError('EVIDENCE_REJECTED', 'no', { paid }),
  )
  const work = async () => {
    const error = errors.shift()
    if (error) throw error
  }
  await retry(work, { minMs: 1, minPaidMs: 20, onRetry: (_, pauseMs) => pauses.push(pauseMs) })
  for (const [index, longest] of [20, 2, 40, 80].entries()) {
    expect(pauses[index]).toBeLessThanOrEqual(longest)
    expect(pauses[index]).toBeGreaterThanOrEqual(longest / 2)
  }
})

test('only retryable errors are tried again', async () => {
  let calls = 0
  const failing = (error: Error, times: number) => async () => {
    if (calls++ < times) throw error
    return calls
  }
  const away = new RetryableError('CHAIN_UNAVAILABLE', 'away')
  expect(await retry(failing(away, 2), { minMs: 1 })).toBe(3)
  calls = 0
  await expect(retry(failing(away, 9), { minMs: 1, attempts: 2 })).rejects.toBe(away)
  calls = 0
  const fatal = new FatalError('GENESIS_MISMATCH', 'another chain')
  await expect(retry(failing(fatal, 1), { minMs: 1 })).rejects.toBe(fatal)
  expect(calls).toBe(1)
})

test('an unknown error is told as INTERNAL, a known one with its reason and fix', () => {
  expect(describeError(new TypeError('x'))).toEqual({ code: 'INTERNAL', message: 'x' })
  expect(describeError(new FatalError('NOT_FOUND', 'm', { fix: 'f' }))).toEqual({
    code: 'NOT_FOUND',
    message: 'm',
    fix: 'f',
  })
  expect(describeError(new FatalError('PORT_IN_USE', 'm', { why: 'w', fix: 'f' }))).toEqual({
    code: 'PORT_IN_USE',
    message: 'm',
    why: 'w',
    fix: 'f',
  })
})

test('an unknown error is told by its first line: below it libraries write whole queries and calls', () => {
  const told = describeError(new Error(`Failed query: insert\nparams: secret`))
  expect(told).toEqual({ code: 'INTERNAL', message: 'Failed query: insert' })
  expect(describeError('x'.repeat(5_000)).message).toHaveLength(300)
})

test('a wait ends with its signal, and is not tried again for errors that do not pass', async () => {
  const stop = new AbortController()
  const never = new Promise<never>(() => {})
  const waiting = expect(unlessAborted(never, stop.signal)).rejects.toThrow('stopped')
  stop.abort(new Error('stopped'))
  await waiting
  await expect(unlessAborted(never, stop.signal)).rejects.toThrow('stopped')
  expect(await unlessAborted(Promise.resolve(1), new AbortController().signal)).toBe(1)
  expect(await unlessAborted(Promise.resolve(2), undefined)).toBe(2)

  const away = new RetryableError('CHAIN_UNAVAILABLE', 'away')
  let tries = 0
  const work = () => {
    tries++
    return Promise.reject(away)
  }
  await expect(retry(work, { again: ({ code }) => code !== 'CHAIN_UNAVAILABLE' })).rejects.toBe(away)
  expect(tries).toBe(1)
})
