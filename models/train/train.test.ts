import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const script = new URL('run.ts', import.meta.url).pathname

async function run(...args: string[]) {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args])
  return stdout
}

const status = (...args: string[]) =>
  run(...args).then(
    () => ({ code: 0, stderr: '' }),
    (error: { code: number; stderr: string }) => ({ code: error.code, stderr: error.stderr }),
  )

test.each(['iris-ols', 'iris-mlp'])('training %s again gives the committed bytes', async name => {
  expect(await run('--model', name, '--check')).toContain(`same bytes: ${name}.onnx, index.json`)
})

test('help says what the command does, wrong use exits 2 and says how', async () => {
  expect(await run('--help')).toContain('--check')
  expect(await status('--model', 'resnet')).toEqual({
    code: 2,
    stderr: expect.stringContaining('unknown model "resnet"; known: iris-ols, iris-mlp, lenet5'),
  })
  expect(await status('--verbose')).toMatchObject({ code: 2 })
})

test('index.json names the SHA-256 of each file', async () => {
  const index = JSON.parse(readFileSync(new URL('../index.json', import.meta.url), 'utf8'))
  for (const { file, sha256 } of index) {
    const digest = await crypto.subtle.digest('SHA-256', readFileSync(new URL(`../${file}`, import.meta.url)))
    expect(sha256).toBe(`0x${Buffer.from(digest).toString('hex')}`)
  }
})
