import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { availableParallelism, freemem, tmpdir, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { DEFAULT_PORT } from '../dev/settings.ts'
import { EXIT } from '../errors.ts'
import { green, type Output, plain, red, yellow } from '../output.ts'
import { installedBinary, REPOSITORY } from '../paths.ts'

export type Finding = { name: string; ok: boolean; required: boolean; detail: string; fix?: string }

const INSTALL = 'npm ci   (in the repository, without --omit=optional)'
const execute = promisify(execFile)

/** `nacre doctor`: looks at this machine and says what is missing and the command that gets it. */
export async function doctor(options: { state: string }, output: Output): Promise<number> {
  const findings = await examine(resolve(options.state))
  for (const finding of findings) {
    const mark = finding.ok ? green('ok     ') : finding.required ? red('MISSING') : yellow('absent ')
    output.line(`${mark}  ${finding.name.padEnd(13)} ${plain(finding.detail)}`)
    if (!finding.ok && finding.fix) output.line(`         ${''.padEnd(13)} fix: ${finding.fix}`)
  }
  const ok = findings.every(finding => finding.ok || !finding.required)
  output.line(ok ? 'This machine can run nacre dev.' : 'Something that nacre dev needs is missing.')
  output.result({ ok, findings })
  return ok ? EXIT.ok : EXIT.environment
}

/** Every check runs the thing itself where it can: a file that exists is no proof that it works. */
export async function examine(stateDir: string): Promise<Finding[]> {
  const findings = await Promise.all([
    nodeVersion(),
    program('npm', 'npm', ['--version'], false, 'apt-get install npm'),
    platform(),
    program('anvil', installedBinary('anvil'), ['--version'], true, INSTALL),
    postgres(),
    engine(),
    bubblewrap(),
    port(DEFAULT_PORT),
    port(DEFAULT_PORT + 1),
    disk(stateDir),
    memory(),
    chromium(),
    drivers(),
  ])
  return findings.flat()
}

async function nodeVersion(): Promise<Finding> {
  const major = Number(process.versions.node.split('.')[0])
  const fix = `${INSTALL}, then start nacre by \`npm start\` or cli/bin/nacre.js`
  return {
    name: 'node',
    ok: major >= 24,
    required: true,
    detail: `${process.versions.node} at ${process.execPath}`,
    fix,
  }
}

async function platform(): Promise<Finding> {
  const detail = `${process.platform} ${process.arch}, ${availableParallelism()} cores`
  const ok = process.platform === 'linux' && process.arch === 'x64'
  return {
    name: 'platform',
    ok,
    required: false,
    detail,
    fix: 'Linux on x64 is supported; elsewhere is best effort',
  }
}

async function postgres(): Promise<Finding> {
  if (process.env.DATABASE_URL)
    return { name: 'postgresql', ok: true, required: true, detail: 'DATABASE_URL is set and is used' }
  const fix = `${INSTALL}, or set DATABASE_URL`
  const dir = mkdtempSync(join(tmpdir(), 'nacre-doctor-'))
  try {
    const { startPostgres } = await import('@nacre/host/processes/postgres')
    const database = await startPostgres({ dir })
    await database.stop()
    return { name: 'postgresql', ok: true, required: true, detail: 'embedded, starts' }
  } catch (error) {
    return { name: 'postgresql', ok: false, required: true, detail: failure(error), fix }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The engine's native library; the process that asks never loads an engine itself. */
async function engine(): Promise<Finding> {
  const script = "import('onnxruntime-node').then(() => console.log('loads'))"
  const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1' }
  const cwd = join(REPOSITORY, 'enclave')
  return program('onnxruntime', process.execPath, ['-e', script], true, INSTALL, { env, cwd })
}

async function bubblewrap(): Promise<Finding> {
  const args = ['--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '/bin/true']
  const found = await program('bubblewrap', 'bwrap', args, false, 'apt-get install bubblewrap')
  const detail = found.ok
    ? 'works with --unshare-all'
    : `${found.detail}: the enclave runs as a plain process`
  return { ...found, detail }
}

async function port(number: number): Promise<Finding> {
  const free = await isPortFree(number)
  const fix = `nacre dev --port N, or see who has it: ss -ltnp 'sport = :${number}'`
  return { name: `port ${number}`, ok: free, required: false, detail: free ? 'free' : 'in use', fix }
}

async function disk(stateDir: string): Promise<Finding> {
  let dir = stateDir
  while (!existsSync(dir)) dir = dirname(dir)
  const { bavail, bsize } = await statfs(dir)
  const free = Math.floor((bavail * bsize) / 1e6)
  return {
    name: 'disk',
    ok: free >= 500,
    required: true,
    detail: `${free} MB free at ${dir}, 500 needed`,
    fix: 'free some space, or --state DIR',
  }
}

async function memory(): Promise<Finding> {
  const [free, total] = [Math.floor(freemem() / 1e6), Math.floor(totalmem() / 1e6)]
  return {
    name: 'memory',
    ok: total >= 1500,
    required: true,
    detail: `${free} of ${total} MB free, about 700 used`,
    fix: 'a machine with 2 GB',
  }
}

async function chromium(): Promise<Finding> {
  const fix = 'apt-get install chromium   (only `npm test` needs it)'
  return program('chromium', process.env.NACRE_CHROMIUM ?? 'chromium', ['--version'], false, fix)
}

/** How enclaves run here, and what each other way would need; `nacre dev` takes the first unless told otherwise. */
async function drivers(): Promise<Finding[]> {
  const { DRIVER_NAMES, DRIVERS } = await import('@nacre/host/drivers/index')
  return Promise.all(
    DRIVER_NAMES.map(async driver => {
      const probe = await DRIVERS[driver].probe().catch(error => ({ ok: false, detail: failure(error) }))
      return { name: `tee ${driver}`, required: false, ...probe }
    }),
  )
}

async function program(
  name: string,
  file: string | undefined,
  args: string[],
  required: boolean,
  fix: string,
  where: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finding> {
  if (file === undefined) return { name, ok: false, required, detail: 'not installed', fix }
  try {
    const { stdout } = await execute(file, args, { ...where, timeout: 10_000 })
    return { name, ok: true, required, detail: stdout.split('\n')[0]?.trim() || 'works' }
  } catch (error) {
    return { name, ok: false, required, detail: failure(error), fix }
  }
}

function failure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'ENOENT') return 'not installed'
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : ''
  return `does not run: ${(stderr || error.message).split('\n')[0]}`
}

/** Whether a port of the loopback interface can be bound now. */
export function isPortFree(number: number): Promise<boolean> {
  return new Promise(done => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(number, '127.0.0.1', () => server.close(() => done(true)))
  })
}
