import { join } from 'node:path'
import { createContext, Script } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { createBundle, NOW, policy } from '../../test/mock-authority/index.ts'
import { serializeBundle, toJson, verifyReceipt } from './index.ts'

/** What a page that verifies receipts loads at most, bytes after gzip; evidence of AWS Nitro, with P-384, has 3,000 of it. */
const BUDGET = 33_600

/** Reads a bundle, verifies it, and gives every check: all that a page needs, and the JSON around it. */
const PAGE = `import { parseBundle, toJson, verifyReceipt } from './index.ts'
  globalThis.verify = (json, policy, time) =>
    JSON.stringify(toJson(verifyReceipt(parseBundle(json), JSON.parse(policy), { time: BigInt(time) })))`

type Page = { code: string; parts: { file: string; bytes: number }[] }

async function bundle(source: string, format: 'esm' | 'iife'): Promise<Page> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    minify: true,
    platform: 'browser',
    format,
    target: 'es2024',
    write: false,
    metafile: true,
  })
  const [output] = Object.values(metafile.outputs)
  expect(output?.imports).toEqual([])
  const parts = Object.entries(output?.inputs ?? {}).map(([file, { bytesInOutput }]) => ({
    file,
    bytes: bytesInOutput,
  }))
  return { code: outputFiles[0]?.text ?? '', parts }
}

test('all of verify bundles for a browser, with nothing of Node', async () => {
  const { code } = await bundle(`export * from '${join(import.meta.dirname, 'index.ts')}'`, 'esm')
  expect(code).not.toMatch(/["']node:|\brequire\(|\bprocess\.|\bBuffer\b/)
})

test(`a page that verifies receipts loads at most ${BUDGET} bytes`, async () => {
  const { code, parts } = await bundle(PAGE, 'iife')
  const largest = parts.sort((a, b) => b.bytes - a.bytes).slice(0, 12)
  const told = largest.map(({ file, bytes }) => `  ${bytes} ${file}`).join('\n')
  const size = gzipSync(code).length
  expect(size, `${size} bytes after gzip; its largest parts before:\n${told}\n`).toBeLessThanOrEqual(BUDGET)
})

test('that page works without any global of Node or of a browser', async () => {
  const { code } = await bundle(PAGE, 'iife')
  const bundled = createBundle()
  const page = createContext({
    json: serializeBundle(bundled),
    policy: JSON.stringify(policy),
    time: String(NOW),
  })
  new Script(code).runInContext(page)
  const result = new Script('verify(json, policy, time)').runInContext(page)
  expect(JSON.parse(result)).toEqual(toJson(verifyReceipt(bundled, policy, { time: NOW })))
})
