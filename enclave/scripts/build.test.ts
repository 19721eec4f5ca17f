import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { manifestHash } from '@nacre/verify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import budgets from '../budget.json' with { type: 'json' }
import { buildImage, bundle, type Image } from './build.ts'
import { IMAGES } from './images.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
/** All but the one that differs from another in a library. */
const NAMES = (Object.keys(IMAGES) as (keyof typeof IMAGES)[]).filter(name => name !== 'llama-avx512')

/** Of enclave/src/llama/, what speaks with the engine's process and not in it. */
const WITH_KEYS = /\/(engine|loadedModels|child|reply|queue|kernel|natives|variant)\.ts$/

let dir: string
let checkout: string
/** Each is built here once, and once elsewhere: they are large. */
const images = new Map<keyof typeof IMAGES, Image>()

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  checkout = join(dir, 'a checkout elsewhere')
  const copied = [
    'package.json',
    'enclave/src',
    'enclave/scripts',
    'enclave/package.json',
    'verify',
    'proofs',
  ]
  const packages = [
    'tiny-secp256k1',
    'uint8array-tools',
    'hash-wasm',
    '@hpke',
    'onnxruntime-common',
    'onnxruntime-node/dist',
    'onnxruntime-node/package.json',
  ]
  const natives = [`onnxruntime-node/bin/napi-v6/linux/${process.arch}`, '@node-llama-cpp/linux-x64']
  const paths = [...copied, ...[...packages, ...natives].map(path => `node_modules/${path}`)]
  for (const path of paths) await cp(join(REPOSITORY, path), join(checkout, path), { recursive: true })
  await mkdir(join(checkout, 'node_modules/@nacre'))
  for (const zone of ['verify', 'proofs'])
    await symlink(`../../${zone}`, join(checkout, 'node_modules/@nacre', zone))
  for (const path of ['esbuild', '@esbuild', `node-linux-${process.arch}`]) {
    await symlink(join(REPOSITORY, 'node_modules', path), join(checkout, 'node_modules', path))
  }
})

afterAll(() => rm(dir, { recursive: true, force: true }))

/** What is bundled into an image, by path. */
async function inputsOf(name: keyof typeof IMAGES): Promise<string[]> {
  const [output] = Object.values((await bundle(IMAGES[name])).metafile.outputs)
  return Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [path] : [],
  )
}

async function linesOf(paths: string[]): Promise<number> {
  const sources = await Promise.all(paths.map(path => readFile(join(REPOSITORY, path), 'utf8')))
  return sources.reduce((total, source) => total + source.split('\n').length - 1, 0)
}

describe.each(NAMES)('the image %s', name => {
  const kind = IMAGES[name]
  let image: Image
  let inputs: string[]
  beforeAll(async () => {
    image = await buildImage(join(dir, name), kind)
    images.set(name, image)
    inputs = await inputsOf(name)
  })
  const readBundle = () => readFile(join(image.dir, 'app/enclave.mjs'), 'utf8')

  test('another checkout, somewhere else, builds the same', async () => {
    const args = [join(checkout, 'enclave/scripts/build.ts'), join(dir, `${name} elsewhere`), name]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: tmpdir() })
    expect(stdout.split(' ')[0]).toBe(manifestHash(image.manifest))
  })

  test('the bundle names no place on this machine', async () => {
    const code = await readBundle()
    for (const place of [REPOSITORY, tmpdir(), process.execPath, 'file://']) expect(code).not.toContain(place)
  })

  test('the bundle holds our code within its budget', async () => {
    const ours = inputs.filter(path => /^(enclave|verify|proofs)\/src\//.test(path))
    const budget = budgets[name]
    const below = (folder: string) => ours.filter(path => path.startsWith(folder))
    // These run in the engine's process, which has no key; the rest is where the keys are.
    const [pipelines, evidence] = [below('enclave/src/pipelines/'), below('verify/src/attest/')]
    const proofs = below('proofs/src/')
    const llama = below('enclave/src/llama/').filter(path => !WITH_KEYS.test(path))
    const rest = ours.filter(path => ![...pipelines, ...evidence, ...llama, ...proofs].includes(path))
    expect(await linesOf(rest)).toBeLessThanOrEqual(budget.maxOwnLines)
    expect(await linesOf(pipelines)).toBeLessThanOrEqual(budget.maxPipelineLines)
    expect(await linesOf(evidence)).toBeLessThanOrEqual(budget.maxEvidenceLines)
    expect(await linesOf(llama)).toBeLessThanOrEqual(budget.maxLlamaLines)
    expect(await linesOf(proofs)).toBeLessThanOrEqual(budget.maxProofLines)
    expect((await readBundle()).length).toBeLessThanOrEqual(budget.maxBundleBytes)
  })

  test('every package in the bundle has a written reason, and no reason is left over', async () => {
    const page = await readFile(join(REPOSITORY, 'enclave/DEPENDENCIES.md'), 'utf8')
    // A package of some images alone names them behind it.
    const headings = [...page.matchAll(/^## `([^`]+)`(?: \((.+)\))?$/gm)]
    const written = headings.filter(([, , images = name]) => images.split(', ').includes(name))
    const packages = inputs
      .map(path => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
      .filter(found => found)
    expect([...new Set(packages)].sort()).toEqual(written.map(([, found]) => found).sort())
  })

  test('everything in the bundle is ours or a package', () => {
    const ours = /^(enclave\/src|verify\/src|proofs\/src|(verify\/|proofs\/)?node_modules)\//
    expect(inputs.filter(path => !ours.test(path))).toEqual([])
  })

  test('its manifest names image and engine', () => {
    expect(image.manifest).toMatchObject({ version: 1, name: `nacre-${name}`, engine: kind.engine })
  })
})

test('a second build leaves the first alone', async () => {
  expect(await buildImage(join(dir, 'upstream'), IMAGES.upstream)).toEqual(images.get('upstream'))
})

test('a native engine is described with its size and hash, and is in its own image alone', async () => {
  images.set('llama-avx512', await buildImage(join(dir, 'llama-avx512'), IMAGES['llama-avx512']))
  const filesOf = (name: keyof typeof IMAGES) => images.get(name)!.manifest.files.map(file => file.path)
  const every = ['app/enclave.mjs', 'app/secp256k1.wasm', 'bin/node']
  const native = ['lib/libonnxruntime.so.1', 'lib/onnxruntime_binding.node']
  // Of the processor's libraries one: another would make other outputs.
  const llama = ['libggml-base.so', 'libggml-cpu-haswell.so', 'libggml.v0.5.0.so', 'libllama-common.so']
  const all = [...llama, 'libllama.v0.5.0.so', 'llama-addon.node'].map(file => `lib/${file}`)
  expect(filesOf('onnx')).toEqual([...every, ...native])
  expect(filesOf('llama')).toEqual([...every, ...all])
  expect(filesOf('llama-avx512')).toEqual([...every, ...all].map(file => file.replace('haswell', 'icelake')))
  expect(filesOf('upstream')).toEqual(every)
  expect(filesOf('attestation')).toEqual(every)
  expect(filesOf('zk')).toEqual(every)
})

test('no image has another engine’s code, and an evidence verifier is in one alone', async () => {
  const [onnx, attestation, llama, zk] = await Promise.all([
    inputsOf('onnx'),
    inputsOf('attestation'),
    inputsOf('llama'),
    inputsOf('zk'),
  ])
  const verifiers = ['tdx', 'sgx', 'snp', 'nvidia'].map(tee => `verify/src/attest/${tee}.ts`)
  expect(attestation).toEqual(expect.arrayContaining(verifiers))
  expect(onnx.filter(path => verifiers.includes(path))).toEqual([])
  const foreign =
    /^enclave\/src\/(pipelines\/|onnx|session|noTelemetry|llama)|^verify.*\/(nitro|dstack|simulated)[A-Za-z]*\.ts$/
  expect(attestation.filter(path => foreign.test(path))).toEqual([])
  expect(onnx.filter(path => /^enclave\/src\/(llama|inference|attestation)/.test(path))).toEqual([])
  expect(llama.filter(path => /^enclave\/src\/(pipelines\/|onnx|session|noTelemetry)/.test(path))).toEqual([])
  expect(llama.filter(path => verifiers.includes(path))).toEqual([])
  expect(zk).toContain('proofs/src/zk/verifier/verify.ts')
  const noVerifier =
    /^enclave\/src\/(pipelines\/|onnx|session|noTelemetry|llama|attestation)|^proofs\/src\/zk\/(?!graph|verifier)/
  expect(zk.filter(path => noVerifier.test(path) || verifiers.includes(path))).toEqual([])
  for (const inputs of [onnx, attestation, llama])
    expect(inputs.filter(path => path.startsWith('proofs/'))).toEqual([])
})

test('an image that does not exist is refused by name', async () => {
  const args = [join(REPOSITORY, 'enclave/scripts/build.ts'), join(dir, 'none'), 'constructor']
  await expect(promisify(execFile)(process.execPath, args)).rejects.toThrow('there is no image constructor')
})
