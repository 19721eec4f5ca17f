import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const script = new URL('run.ts', import.meta.url).pathname

/** About three minutes on one core: only in the long tests. */
test('training LeNet-5 again gives the committed bytes', { timeout: 1_800_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--model', 'lenet5', '--check'])
  expect(stdout).toContain('same bytes: lenet5.onnx, index.json, digits.samples.json')
})
