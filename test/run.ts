/**
 * Runs every test of the repository and ends with the line `N passed, N failed` alone.
 *
 *     npx node test/run.ts [--long] [--only NAME]
 *
 * Two lanes: the Solidity compiler and its tests, then types, browser and virtual machines, beside everything that is
 * TypeScript.
 * A skipped test counts as a failure: what cannot be tested here must say so in a test of its own. Only the machines of
 * test/qemu are counted as skipped where they cannot be had, and the last line says so then: `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

type Counts = { passed: number; failed: number; skipped?: number; detail: string }
type Outcome = { code: number; output: string }
type Part = (typeof PARTS)[number]
type Step = { name: string; command: string[]; cwd?: string; count: (outcome: Outcome) => Counts }

const PARTS = ['contracts', 'types', 'browser', 'qemu', 'static', 'typescript'] as const
const USAGE = `usage: npx node test/run.ts [--long] [--only ${PARTS.join('|')}]`
const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'nacre-test-'))
const bin = (name: string): string => join(root, 'node_modules/.bin', name)
const children = new Set<number>()

const options = readOptions()
// onnxruntime reports loaded models to its vendor unless it is told not to.
const env = {
  ...process.env,
  ORT_DISABLE_TELEMETRY: '1',
  // Tests start hundreds of processes of the same few programs.
  NODE_COMPILE_CACHE: join(scratch, 'compiled'),
  // glibc asks for huge pages: in small virtual machines the first touch of each small one takes tens of microseconds.
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
  ...(options.long ? { NACRE_LONG: '1', FOUNDRY_PROFILE: 'long' } : {}),
}

const parts: Record<Part, Step[]> = {
  contracts: [
    step('contracts: committed bytecode and ABI equal the source', [
      process.execPath,
      'contracts/scripts/build.ts',
      '--check',
    ]),
    {
      name: 'contracts: forge test',
      command: [bin('forge'), 'test', '--json'],
      cwd: join(root, 'contracts'),
      count: countForge,
    },
    step('contracts: gas snapshots', [process.execPath, 'contracts/scripts/gas.ts', '--check']),
    step('contracts: format', [bin('forge'), 'fmt', '--root', 'contracts', '--check']),
  ],
  types: [step('types', ['npm', 'run', '--silent', 'types'])],
  browser: [vitest('vitest in Chromium', '--config=vitest.browser.config.ts')],
  qemu: [{ name: 'virtual machines', command: [process.execPath, 'test/qemu/run.ts'], count: countQemu }],
  static: [
    step('format and lint', [join(root, 'node_modules/@biomejs/cli-linux-x64/biome'), 'check', '.']),
    step('import rules', ['npm', 'run', '--silent', 'imports']),
  ],
  typescript: [vitest('vitest')],
}

process.on('SIGINT', stop)
process.on('SIGTERM', stop)
const started = Date.now()
const wanted = (part: Part): Step[] => (options.only && options.only !== part ? [] : parts[part])
const results = (
  await Promise.all([
    runLane([...wanted('contracts'), ...wanted('types'), ...wanted('browser'), ...wanted('qemu')]),
    runLane([...wanted('static'), ...wanted('typescript')]),
  ])
).flat()
rmSync(scratch, { recursive: true, force: true })

const sum = (of: (counts: Counts) => number | undefined): number =>
  results.reduce((total, counts) => total + (of(counts) ?? 0), 0)
const total = { passed: sum(r => r.passed), failed: sum(r => r.failed), skipped: sum(r => r.skipped) }
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
process.stdout.write(`\nall tests in ${((Date.now() - started) / 1000).toFixed(0)} s\n`)
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

async function runLane(steps: Step[]): Promise<Counts[]> {
  const counts: Counts[] = []
  for (const s of steps) {
    const began = Date.now()
    const outcome = await run(s)
    const c = s.count(outcome)
    const seconds = ((Date.now() - began) / 1000).toFixed(1)
    process.stdout.write(
      `${c.failed > 0 ? 'FAIL' : 'ok  '} ${s.name} (${seconds} s) ${c.passed} passed, ${c.failed} failed\n`,
    )
    if (c.failed > 0 || c.skipped) process.stdout.write(`${c.detail}\n`)
    counts.push(c)
  }
  return counts
}

function run({ command, cwd = root }: Step): Promise<Outcome> {
  return new Promise(resolve => {
    const [file = '', ...args] = command
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    if (child.pid) children.add(child.pid)
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
    })
    child.stderr.on('data', chunk => {
      output += chunk
    })
    child.on('error', error => resolve({ code: 127, output: `${file}: ${error.message}` }))
    child.on('close', code => {
      if (child.pid) children.delete(child.pid)
      resolve({ code: code ?? 1, output })
    })
  })
}

/** A step that is one check: it passes when the command exits 0. */
function step(name: string, command: string[]): Step {
  return {
    name,
    command,
    count: ({ code, output }) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, detail: output }),
  }
}

/** Runs vitest; each of its tests counts. */
function vitest(name: string, ...args: string[]): Step {
  const report = join(scratch, `${name}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  return {
    name,
    command: [bin('vitest'), 'run', ...args, ...reporters],
    count: outcome => countVitest(outcome, report),
  }
}

/** The last line of test/qemu/run.ts. */
function countQemu({ code, output }: Outcome): Counts {
  const [, passed, failed, skipped] = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(output) ?? []
  if (passed === undefined) return { passed: 0, failed: 1, detail: output.slice(-12000) }
  const broken = code !== 0 && failed === '0' ? 1 : 0
  return {
    passed: Number(passed),
    failed: Number(failed) + broken,
    skipped: Number(skipped),
    detail: output.slice(-12000),
  }
}

type ForgeResult = { status: 'Success' | 'Failure' | 'Skipped'; reason?: string | null }

function countForge({ code, output }: Outcome): Counts {
  const line = output.split('\n').find(l => l.startsWith('{'))
  if (!line) return { passed: 0, failed: 1, detail: output }
  const suites = JSON.parse(line) as Record<string, { test_results: Record<string, ForgeResult> }>
  const tests = Object.entries(suites).flatMap(([suite, { test_results }]) =>
    Object.entries(test_results).map(([name, result]) => ({ name: `${suite} ${name}`, ...result })),
  )
  const bad = tests.filter(t => t.status !== 'Success')
  const detail = bad.map(t => `  ${t.name}: ${t.status} ${t.reason ?? ''}`).join('\n')
  const silent = code !== 0 && bad.length === 0 ? 1 : 0
  return {
    passed: tests.length - bad.length,
    failed: bad.length + silent,
    detail: detail || output.slice(-4000),
  }
}

type VitestReport = {
  testResults: { name: string; status: string; message: string; assertionResults: { status: string }[] }[]
}

function countVitest({ code, output }: Outcome, file: string): Counts {
  let report: VitestReport
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
  } catch {
    return { passed: 0, failed: 1, detail: output.slice(-8000) }
  }
  const all = report.testResults.flatMap(file => file.assertionResults)
  const passed = all.filter(t => t.status === 'passed').length
  const brokenFiles = report.testResults.filter(
    f => f.status !== 'passed' && f.assertionResults.length === 0,
  ).length
  const silent = code !== 0 && passed === all.length && brokenFiles === 0 ? 1 : 0
  return { passed, failed: all.length - passed + brokenFiles + silent, detail: output.slice(-12000) }
}

function readOptions(): { long: boolean; only?: string } {
  try {
    const { values } = parseArgs({
      options: { long: { type: 'boolean' }, only: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) {
      process.stdout.write(`${USAGE}\n`)
      process.exit(0)
    }
    if (values.only && !(PARTS as readonly string[]).includes(values.only))
      throw new Error(`unknown part ${values.only}`)
    return { long: values.long ?? false, ...(values.only ? { only: values.only } : {}) }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}

function stop(): void {
  for (const pid of children) process.kill(pid, 'SIGTERM')
  rmSync(scratch, { recursive: true, force: true })
  process.exit(130)
}
