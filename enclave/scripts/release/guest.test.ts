import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import budgets from '../../budget.json' with { type: 'json' }
import { DEBIAN_PACKAGES } from './debian.ts'
import { bundleGuest, MODULES, SYSTEM } from './guest.ts'

const REPOSITORY = join(import.meta.dirname, '../../..')
const PROGRAMS = ['init', 'bridge'] as const

let bundles: Awaited<ReturnType<typeof bundleGuest>>[]
let inputs: string[]
beforeAll(async () => {
  bundles = await Promise.all(PROGRAMS.map(bundleGuest))
  inputs = [...new Set(bundles.flatMap(({ metafile }) => Object.keys(metafile.inputs)))].sort()
})

test('what has privileges in a guest, and what the host speaks to, stay within their budget', async () => {
  const sources = await Promise.all(inputs.map(path => readFile(join(REPOSITORY, path), 'utf8')))
  const lines = sources.reduce((total, source) => total + source.split('\n').length - 1, 0)
  const bytes = bundles.reduce((total, { code }) => total + code.length, 0)
  expect(lines).toBeLessThanOrEqual(budgets.guest.maxOwnLines)
  expect(bytes).toBeLessThanOrEqual(budgets.guest.maxBundleBytes)
})

test('they import nothing but each other and node:*', () => {
  expect(inputs.filter(path => !/^enclave\/src\/(guest\/[^/]+|attest\/limits)\.ts$/.test(path))).toEqual([])
  const outputs = bundles.flatMap(({ metafile }) => Object.values(metafile.outputs))
  const imports = outputs.flatMap(({ imports }) => imports.map(({ path }) => path))
  expect(imports.filter(path => !path.startsWith('node:'))).toEqual([])
})

test('init alone calls the C library: what the host speaks to has no way to', async () => {
  const [, bridge] = bundles
  const paths = Object.keys(bridge!.metafile.inputs)
  expect(paths.filter(path => /libc|nsmDevice|init\.ts/.test(path))).toEqual([])
  expect(Buffer.from(bridge!.code).toString()).not.toContain('createRequire')
})

test('each package and each module of Debian’s that is in a guest has a written reason, and no reason is left over', async () => {
  const page = await readFile(join(REPOSITORY, 'enclave/DEPENDENCIES.md'), 'utf8')
  const section = page.slice(page.indexOf('\n# In a guest'))
  const written = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name)
  const kernel = DEBIAN_PACKAGES.filter(({ name }) => name.startsWith('linux-image-'))
  const names = [
    ...['@koromix/koffi-linux-x64', 'bin/node', ...kernel.map(() => 'linux-image')],
    ...Object.keys(SYSTEM),
    ...MODULES.map(path => `${path.split('/').at(-1)}.ko`),
  ]
  expect(written.sort()).toEqual(names.sort())
})
