import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const script = new URL('run.ts', import.meta.url).pathname

async function run(...args: string[]) {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { timeout: LIMIT_MS })
  return stdout
}

const status = (...args: string[]) =>
  run(...args).then(
    () => ({ code: 0, stderr: '' }),
    (error: { code: number; stderr: string }) => ({ code: error.code, stderr: error.stderr }),
  )

/** Networks on digits take minutes each: only in the long tests. */
const retrained = [
  ...['iris-ols', 'iris-mlp'],
  ...(process.env.NACRE_LONG === '1' ? ['lenet5', 'digits-mlp', 'digits-transformer'] : []),
]
const LIMIT_MS = 1_500_000

test.each(retrained)('training %s again gives the committed bytes', { timeout: LIMIT_MS }, async name => {
  const folder = name.startsWith('digits-') ? 'zk/' : ''
  const files = `${folder}${name}.onnx, ${folder}index.json`
  expect(await run('--model', name, '--check')).toContain(`same bytes: ${files}`)
})

test('--check exits 1 when a single bit differs and names the file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-train-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  await run('--model', 'iris-ols', '--dir', dir)
  expect(await status('--model', 'iris-ols', '--dir', dir, '--check')).toMatchObject({ code: 0 })
  const file = join(dir, 'iris-ols.onnx')
  const bytes = readFileSync(file)
  bytes[100]! ^= 1
  writeFileSync(file, bytes)
  const { code, stderr } = await status('--model', 'iris-ols', '--dir', dir, '--check')
  expect([code, stderr.split('\n')[0]]).toEqual([1, `${dir} differs from what training gives: iris-ols.onnx`])
})

test('help says what the command does, wrong use exits 2 and says how', async () => {
  expect(await run('--help')).toContain('--check')
  expect(await status('--model', 'resnet')).toEqual({
    code: 2,
    stderr: expect.stringContaining(
      'unknown model "resnet"; known: iris-ols, iris-mlp, lenet5, digits-mlp, digits-transformer',
    ),
  })
  expect(await status('--verbose')).toMatchObject({ code: 2 })
})

test.each(['../', '../zk/'])('%sindex.json names the SHA-256 of each file', async folder => {
  const read = (file: string) => readFileSync(new URL(`${folder}${file}`, import.meta.url))
  for (const { file, sha256 } of JSON.parse(read('index.json').toString())) {
    const digest = await crypto.subtle.digest('SHA-256', read(file))
    expect(sha256).toBe(`0x${Buffer.from(digest).toString('hex')}`)
  }
})
