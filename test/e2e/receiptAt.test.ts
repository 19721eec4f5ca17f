import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { nacre } from './nacre.ts'
import { failedChecks } from './receipts.ts'

// A golden receipt of September 2026, and a policy that takes evidence of an hour: too old for every clock of today.
const vector = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/bundles/relay.json'), 'utf8'))
const dir = mkdtempSync(join(tmpdir(), 'nacre-at-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const policy = write('policy.json', vector.policy)
const file = write('receipt.json', vector.bundle)
const at = (seconds: number) => String(vector.time + seconds)

test('an earlier receipt verifies as of its own time, and not as of now', async () => {
  expect(await failedChecks(file, { policy })).toEqual(['policy-evidence-age'])
  expect(await failedChecks(file, { policy, at: at(0) })).toEqual([])
  expect(await failedChecks(file, { policy, at: new Date(vector.time * 1000).toISOString() })).toEqual([])
})

test('its evidence is neither from later than that time nor older than the policy takes', async () => {
  expect(await failedChecks(file, { policy, at: at(-3600) })).toContain('evidence-time')
  expect(await failedChecks(file, { policy, at: at(3540) })).toEqual([])
  expect(await failedChecks(file, { policy, at: at(3541) })).toEqual(['policy-evidence-age'])
})

test('the command takes --at, says it, and refuses what is no time', async () => {
  const verify = (time: string) =>
    nacre('receipt', 'verify', file, '--policy', policy, '--at', time, '--json')
  const past = await verify(at(0))
  expect(past.code, past.stderr).toBe(0)
  expect(past.json).toMatchObject({ ok: true, time: vector.time })
  expect(past.stderr).toContain(`as of 2026-09-21T14:13:20.000Z, Unix time ${vector.time}`)
  const today = await nacre('receipt', 'verify', file, '--policy', policy)
  expect(today.code).toBe(1)
  expect(today.stdout).toContain('--at TIME')
  expect(await verify('yesterday')).toMatchObject({ code: 2, json: { error: { code: 'bad-input' } } })
})

test('the registry that a receipt names is its own word: --registry demands one', async () => {
  const verify = (registry: string) =>
    nacre('receipt', 'verify', file, '--policy', policy, '--at', at(0), '--registry', registry, '--json')
  expect((await verify(vector.bundle.registry)).code).toBe(0)
  const other = await verify(`0x${'11'.repeat(20)}`)
  expect(other).toMatchObject({ code: 1, json: { ok: false } })
  expect(other.stderr).toContain('the registry is')
  expect(await verify('0x11')).toMatchObject({ code: 2, json: { error: { code: 'bad-input' } } })
})

function write(name: string, value: unknown): string {
  const path = join(dir, name)
  writeFileSync(path, JSON.stringify(value))
  return path
}
