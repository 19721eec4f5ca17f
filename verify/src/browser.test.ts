import { join } from 'node:path'
import { createContext, Script } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { createBundle, NOW, policy } from '../../test/authority/index.ts'
import { serializeBundle, toJson, verifyReceipt } from './index.ts'

/** What a page that verifies receipts loads at most, bytes after gzip; two curves of noble are about half of it. */
const BUDGET = 33_000

const bundleOf = async (code: string, format: 'esm' | 'iife'): Promise<string> => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    minify: true,
    platform: 'browser',
    format,
    target: 'es2024',
    write: false,
    metafile: true,
  })
  const imports = Object.values(metafile.outputs).flatMap(output => output.imports)
  expect(imports).toEqual([])
  return outputFiles[0]?.text ?? ''
}

test('all of verify bundles for a browser, with nothing of Node', async () => {
  const code = await bundleOf(`export * from '${join(import.meta.dirname, 'index.ts')}'`, 'esm')
  expect(code).not.toMatch(/["']node:|\brequire\(|\bprocess\.|\bBuffer\b/)
})

test('verifying a receipt is small, and works without any global of Node or of a page', async () => {
  const entry = `import { parseBundle, toJson, verifyReceipt } from './index.ts'
    globalThis.verify = (json, policy, time) =>
      JSON.stringify(toJson(verifyReceipt(parseBundle(json), JSON.parse(policy), { time: BigInt(time) })))`
  const code = await bundleOf(entry, 'iife')
  expect(gzipSync(code).length).toBeLessThanOrEqual(BUDGET)

  const bundle = createBundle()
  const page = createContext({
    json: serializeBundle(bundle),
    policy: JSON.stringify(policy),
    time: String(NOW),
  })
  new Script(code).runInContext(page)
  const result = new Script('verify(json, policy, time)').runInContext(page)
  expect(JSON.parse(result)).toEqual(toJson(verifyReceipt(bundle, policy, { time: NOW })))
})
