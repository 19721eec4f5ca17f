/**
 * Tests of what boots as a virtual machine. Ends with the line `N passed, N failed, N skipped`.
 *
 *     npx node test/qemu/run.ts [--install]
 *
 * Needs QEMU and four packages of Debian by their digests. With --install, as root, missing programs are installed by
 * apt-get. Where something cannot be had, the tests count as skipped, never as passed, with the command that would help.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IMAGES } from '../../enclave/scripts/images.ts'
import { buildRelease } from '../../enclave/scripts/release.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Programs by the packages that they are in. */
const PROGRAMS = { 'qemu-system-x86_64': 'qemu-system-x86', xz: 'xz-utils', tar: 'tar', git: 'git' }

const scratch = mkdtempSync(join(tmpdir(), 'nacre-qemu-test-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

const missing = missingPrograms(process.argv.includes('--install'))
if (missing.length > 0) skip(`not installed: ${missing.join(' ')}`, `apt-get install ${missing.join(' ')}`)
else await test()

async function test(): Promise<void> {
  const dir = join(scratch, 'release')
  try {
    await buildRelease({ outDir: dir, kind: IMAGES.onnx, onProgress: line => console.log(line) })
  } catch (error) {
    const reason = (error as Error).message
    // What cannot be downloaded is no defect of the code; everything else is.
    if (!reason.includes('is not to be had')) throw error
    return skip(reason, 'npm run test:qemu, on a machine that reaches a mirror of Debian')
  }
  const report = join(scratch, 'report.json')
  const arguments_ = ['run', '--config=vitest.qemu.config.ts', '--reporter=default', '--reporter=json']
  const { status } = spawnSync(
    join(ROOT, 'node_modules/.bin/vitest'),
    [...arguments_, `--outputFile.json=${report}`],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, NACRE_QEMU_RELEASE: dir } },
  )
  const { numPassedTests: passed, numTotalTests: total } = JSON.parse(readFileSync(report, 'utf8'))
  const failed = Math.max(total - passed, status === 0 ? 0 : 1)
  console.log(`${passed} passed, ${failed} failed, 0 skipped`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}

function skip(reason: string, command: string): void {
  // As many as there are files: how many tests they hold is known only where they run.
  const count = globSync(join(import.meta.dirname, '*.test.ts')).length
  console.log(`SKIPPED: the tests of virtual machines did not run. ${reason}\n  what would help: ${command}`)
  console.log(`0 passed, 0 failed, ${count} skipped`)
}

function missingPrograms(install: boolean): string[] {
  const absent = () => Object.entries(PROGRAMS).flatMap(([program, name]) => (isThere(program) ? [] : [name]))
  const packages = absent()
  if (packages.length === 0 || !install || process.getuid?.() !== 0) return packages
  console.log(`installing ${packages.join(' ')}`)
  try {
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
    const options = ['install', '-y', '-qq', '--no-install-recommends', ...packages]
    execFileSync('apt-get', options, {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  } catch {
    // What is missing is told below.
  }
  return absent()
}

function isThere(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some(dir => existsSync(join(dir, program)))
}
