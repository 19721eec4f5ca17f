import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FuzzResult } from './evidence.ts'

const LONG = process.env.NACRE_LONG === '1'
const CASES = LONG ? 100_000 : 5_000
/** All of a run's memory but for Node's own, MB: far below what a length field can ask for. */
const MEMORY = 256

/** A process of its own, which ends when it takes more memory; a hang ends with the test. */
async function fuzz(seed: number): Promise<FuzzResult> {
  const script = join(import.meta.dirname, 'evidence.ts')
  const args = [`--max-old-space-size=${MEMORY}`, script, `--cases=${CASES}`, `--seed=${seed}`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', data => (stdout += data))
  child.stderr.on('data', data => (stderr += data))
  try {
    await once(child, 'close')
  } finally {
    child.kill('SIGKILL')
  }
  const line = stdout.trimEnd().split('\n').at(-1) ?? ''
  expect(line, stderr).toMatch(/^\{/)
  return JSON.parse(line)
}

test(`${CASES} mutations of evidence: none is accepted as something else, none throws`, {
  timeout: LONG ? 3_600_000 : 600_000,
}, async () => {
  const result = await fuzz(20_261_124)
  expect(result.failures).toEqual([])
  expect(result.cases).toBe(CASES)
  // Not all for one reason: mutations reach what is behind the format too.
  expect(Object.keys(result.codes)).toEqual(
    expect.arrayContaining(['malformed', 'bad-signature', 'broken-chain']),
  )
})
