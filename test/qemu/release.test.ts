import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseManifest, type ReleaseManifest } from '@nacre/verify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/**
 * Releases are the same wherever they are built: two checkouts of the last commit, whatever this folder holds by now. A
 * build takes long, and verifying is one; the long run has another engine's release, too.
 */
const REPOSITORY = join(import.meta.dirname, '../..')
const ENGINES =
  process.env.NACRE_LONG === '1' ? (['onnx', 'attestation', 'zk'] as const) : (['onnx'] as const)
/** Of another user's taste: nothing of it is in what is built. */
const TASTE = { TZ: 'Asia/Kolkata', LANG: 'tr_TR.UTF-8', USER: 'somebody' }
const WORKSPACES = ['contracts', 'verify', 'proofs', 'enclave', 'host', 'sdk', 'cli']
const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'nacre-release-test-'))

let one: string
let other: string

beforeAll(async () => {
  one = await checkout('one')
  other = await checkout('another checkout, elsewhere')
  for (const engine of ENGINES) await build(one, engine)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe.each(ENGINES)('the release %s', engine => {
  test('is an image, its manifest and the list of what is inside', () => {
    expect(readdirSync(releaseOf(one, engine)).sort()).toEqual([
      'manifest.json',
      `nacre-${engine}.eif`,
      'sbom.cdx.json',
    ])
  })

  test('measures as its manifest says, by its image file alone', async () => {
    const { code, value } = await nacre(one, 'measure', join(releaseOf(one, engine), `nacre-${engine}.eif`))
    const [pcr0, pcr1, pcr2] = manifestOf(releaseOf(one, engine)).measurements[0]!.registers
    expect(code).toBe(0)
    expect(value).toMatchObject({ pcr0, pcr1, pcr2, signed: false })
  })

  test('is the same, byte for byte, as another clean checkout builds it elsewhere', async () => {
    const { code, value } = await nacre(other, 'verify', releaseOf(one, engine))
    expect(failing(value)).toEqual([])
    expect([code, value.ok]).toEqual([0, true])
  })
})

test('of another source, the file that it went into is named', async () => {
  const source = join(other, 'enclave/src/guest/entropy.ts')
  const text = readFileSync(source, 'utf8')
  // A guest that makes do with less randomness: the kind of change that verifying is there to find.
  writeFileSync(source, text.replace('available >= 256', 'available >= 16'))
  const { code, value } = await nacre(other, 'verify', releaseOf(one, 'onnx'))
  expect([code, value.ok]).toEqual([1, false])
  expect(failing(value).sort()).toEqual(
    ['files', 'guest/init.mjs', 'image-file', 'manifest', 'measurements', 'sbom'].sort(),
  )
})

/** The last commit in a folder of its own, with the packages that are installed here. */
async function checkout(name: string): Promise<string> {
  const folder = join(dir, name)
  await run('git', ['clone', '--quiet', '--no-local', REPOSITORY, folder])
  for (const workspace of ['.', ...WORKSPACES]) {
    const [from, to] = [REPOSITORY, folder].map(root => join(root, workspace, 'node_modules'))
    if (readdirSync(join(from!, '..')).includes('node_modules')) await copyTree(from!, to!)
  }
  return folder
}

/** Linked where that is possible: a gigabyte. Links to our own packages are relative, and lead to the checkout's. */
async function copyTree(from: string, to: string): Promise<void> {
  await run('cp', ['-al', from, to]).catch(async () => {
    rmSync(to, { recursive: true, force: true })
    await run('cp', ['-a', from, to])
  })
}

function releaseOf(folder: string, engine: string): string {
  return join(folder, 'built', engine)
}

async function build(folder: string, engine: string): Promise<void> {
  const args = [join(folder, 'enclave/scripts/release.ts'), releaseOf(folder, engine), engine]
  await run(join(folder, 'node_modules/.bin/node'), args, { env: environment({}) })
}

/** Downloads are kept below the home folder, also for somebody else. */
function environment(taste: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const XDG_CACHE_HOME = process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? dir, '.cache')
  return { ...process.env, XDG_CACHE_HOME, ...taste }
}

type Checked = { name: string; ok: boolean; detail: string }

/** `nacre release` of that checkout. */
async function nacre(folder: string, ...args: string[]) {
  const command = [join(folder, 'cli/bin/nacre.js'), 'release', ...args, '--json']
  const env = environment(folder === other ? { ...TASTE, HOME: dir } : {})
  const { stdout, code } = await run(process.execPath, command, { env }).then(
    result => ({ ...result, code: 0 }),
    (error: { stdout: string; code: number }) => error,
  )
  const { error, ...value } = JSON.parse(stdout)
  if (error) throw new Error(`${error.message}: ${error.why}`)
  return { code, value: value as { ok: boolean; checks: Checked[] } }
}

function failing({ checks }: { checks: Checked[] }): string[] {
  return checks.filter(check => !check.ok).map(check => check.name)
}

function manifestOf(release: string): ReleaseManifest {
  const manifest = parseManifest(new Uint8Array(readFileSync(join(release, 'manifest.json'))))
  if (manifest.version !== 2) throw new Error(`${release} is no release`)
  return manifest
}
