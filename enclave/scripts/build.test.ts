import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { manifestHash } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import budget from '../budget.json' with { type: 'json' }
import { buildImage, bundle, type Image } from './build.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

let dir: string
let image: Image
let inputs: string[]

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  image = await buildImage(join(dir, 'image'))
  const [output] = Object.values((await bundle()).metafile.outputs)
  inputs = Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [path] : [],
  )
})

afterAll(() => rm(dir, { recursive: true, force: true }))

const readBundle = () => readFile(join(image.dir, 'app/enclave.mjs'), 'utf8')

test('two builds are the same, and a second build leaves the first alone', async () => {
  const again = await buildImage(join(dir, 'again'))
  const over = await buildImage(join(dir, 'image'))
  expect(manifestHash(again.manifest)).toBe(manifestHash(image.manifest))
  expect(over).toEqual(image)
})

test('another checkout, somewhere else, builds the same', async () => {
  const checkout = join(dir, 'a checkout elsewhere')
  const copied = ['package.json', 'enclave/src', 'enclave/scripts', 'enclave/package.json', 'verify']
  const packages = [
    'tiny-secp256k1',
    'uint8array-tools',
    'hash-wasm',
    'onnxruntime-common',
    'onnxruntime-node/dist',
    'onnxruntime-node/package.json',
  ]
  const native = `onnxruntime-node/bin/napi-v6/linux/${process.arch}`
  const paths = [...copied, ...[...packages, native].map(path => `node_modules/${path}`)]
  for (const path of paths) await cp(join(REPOSITORY, path), join(checkout, path), { recursive: true })
  await mkdir(join(checkout, 'node_modules/@nacre'))
  await symlink('../../verify', join(checkout, 'node_modules/@nacre/verify'))
  for (const path of ['esbuild', '@esbuild']) {
    await symlink(join(REPOSITORY, 'node_modules', path), join(checkout, 'node_modules', path))
  }
  const args = [join(checkout, 'enclave/scripts/build.ts'), join(dir, 'elsewhere')]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: tmpdir() })
  expect(stdout.split(' ')[0]).toBe(manifestHash(image.manifest))
})

test('the bundle names no place on this machine', async () => {
  const code = await readBundle()
  for (const place of [REPOSITORY, tmpdir(), process.execPath, 'file://']) expect(code).not.toContain(place)
})

test('the bundle holds our code within its budget', async () => {
  const own = inputs.filter(path => /^(enclave|verify)\/src\//.test(path))
  const isPipeline = (path: string) => path.startsWith('enclave/src/pipelines/')
  expect(await linesOf(own.filter(path => !isPipeline(path)))).toBeLessThanOrEqual(budget.maxOwnLines)
  expect(await linesOf(own.filter(isPipeline))).toBeLessThanOrEqual(budget.maxPipelineLines)
  expect((await readBundle()).length).toBeLessThanOrEqual(budget.maxBundleBytes)
})

async function linesOf(paths: string[]): Promise<number> {
  const sources = await Promise.all(paths.map(path => readFile(join(REPOSITORY, path), 'utf8')))
  return sources.reduce((total, source) => total + source.split('\n').length - 1, 0)
}

test('every package in the bundle has a written reason, and no reason is left over', async () => {
  const page = await readFile(join(REPOSITORY, 'docs/enclave-dependencies.md'), 'utf8')
  const written = [...page.matchAll(/^## `([^`]+)`$/gm)].map(match => match[1])
  const packages = inputs
    .map(path => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
    .filter(name => name)
  expect([...new Set(packages)].sort()).toEqual(written.sort())
})

test('everything in the bundle is ours or a package', () => {
  expect(inputs.filter(path => !/^(enclave\/src|verify\/src|(verify\/)?node_modules)\//.test(path))).toEqual(
    [],
  )
})

test('a native engine is described with its size and hash', () => {
  expect(image.manifest.files.map(file => file.path)).toEqual([
    'app/enclave.mjs',
    'app/secp256k1.wasm',
    'bin/node',
    'lib/libonnxruntime.so.1',
    'lib/onnxruntime_binding.node',
  ])
})
