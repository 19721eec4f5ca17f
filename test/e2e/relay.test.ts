import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { REPOSITORY } from '../../cli/src/paths.ts'
import { lastLine, processesOf } from './nacre.ts'

/**
 * What they found: 1, with 1,000 requests, operators that did each other's work until nothing was mined in time and
 * honest ones were slashed; 4, receipts of two operators shown for one request; 9, answers that came second.
 */
const SEEDS = process.env.NACRE_LONG ? [9, 1, 4] : [9]
const REQUESTS = process.env.NACRE_LONG ? 500 : 60
const LONG = 600_000

let dir: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-relay-'))
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

test.each(SEEDS)(
  'requests over three operators that are killed end once each, at nobody’s cost: seed %i',
  async seed => {
    const bench = start('relay', '--requests', `${REQUESTS}`, '--kill', '--seed', `${seed}`)
    const [code] = await once(bench.child, 'close')
    const result = lastLine(bench.stdout())
    expect(code, bench.stderr()).toBe(0)
    expect(result).toMatchObject({ requests: REQUESTS, duplicated: 0, slashed_honest: 0, conserved: true })
    expect(Number(result.answered) + Number(result.refunded)).toBe(REQUESTS)
    expect(result.killed).toBeGreaterThan(0)
    const saved = JSON.parse(readFileSync(join(dir, `relay-kill-${REQUESTS}x3.json`), 'utf8'))
    expect(saved).toMatchObject({ ...result, machine: { cores: expect.any(Number) } })
  },
  LONG,
)

test(
  'Ctrl-C ends the benchmark and its network',
  async () => {
    const bench = start('relay', '--requests', '100000')
    await bench.says('at most')
    bench.child.kill('SIGINT')
    expect(await once(bench.child, 'close'), bench.stderr()).toEqual([130, null])
    expect(processesOf(dir)).toEqual([])
  },
  LONG,
)

/** The benchmark with its files in this test's folder, its network's too. */
function start(...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, ['bench/run.ts', ...args, '--json', '--out', dir], {
    cwd: REPOSITORY,
    env: { ...process.env, TMPDIR: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  const lines = createInterface({ input: child.stderr! })
  lines.on('line', line => {
    output.stderr += `${line}\n`
  })
  child.stdout!.on('data', data => {
    output.stdout += data
  })
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      lines.on('line', line => line.includes(text) && resolve())
      child.once('close', () => reject(new Error(`it ended: ${output.stderr}`)))
    })
  return { child, stdout: () => output.stdout, stderr: () => output.stderr, says }
}
