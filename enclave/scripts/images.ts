import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  ATTESTATION_ENGINE,
  type CpuVariant,
  ENGINE,
  llamaEngine,
  UPSTREAM_ENGINE,
  ZK_ENGINE,
} from '../src/engineName.ts'
import { nativesFolder } from '../src/llama/natives.ts'

/** One image: what its manifest names, the program that is bundled, and the files beside it, by their paths in it. */
export type ImageKind = {
  name: string
  engine: string
  entry: string
  natives(): Promise<Record<string, string>>
}

/** One image per engine: each holds no more than its own. */
export const IMAGES = {
  onnx: {
    name: 'nacre-onnx',
    engine: ENGINE,
    entry: 'enclave/src/main.ts',
    natives: async () => ({ ...(await everyImage()), ...(await onnxruntime()) }),
  },
  attestation: {
    name: 'nacre-attestation',
    engine: ATTESTATION_ENGINE,
    entry: 'enclave/src/attestation.ts',
    natives: everyImage,
  },
  zk: {
    name: 'nacre-zk',
    engine: ZK_ENGINE,
    entry: 'enclave/src/zk.ts',
    natives: everyImage,
  },
  llama: llamaImage('nacre-llama', 'haswell'),
  'llama-avx512': llamaImage('nacre-llama-avx512', 'icelake'),
  upstream: {
    name: 'nacre-upstream',
    engine: UPSTREAM_ENGINE,
    entry: 'enclave/src/upstream.ts',
    natives: everyImage,
  },
} as const satisfies Record<string, ImageKind>

export function isImageName(name: string): name is keyof typeof IMAGES {
  return Object.hasOwn(IMAGES, name)
}

const resolve = createRequire(import.meta.url).resolve

async function everyImage(): Promise<Record<string, string>> {
  return {
    'app/secp256k1.wasm': join(dirname(resolve('tiny-secp256k1')), '../secp256k1.wasm'),
    'bin/node': pinnedNode(),
  }
}

/** The one of package-lock.json, whichever runs this: a machine's own would make another image. */
function pinnedNode(): string {
  const name = `node-${process.platform}-${process.arch}`
  try {
    return join(dirname(resolve(`${name}/package.json`)), 'bin/node')
  } catch (cause) {
    throw new Error(`${name} is not installed: npm ci, without --omit=optional`, { cause })
  }
}

function llamaImage<const Name extends string>(name: Name, variant: CpuVariant) {
  return {
    name,
    engine: llamaEngine(variant),
    entry: 'enclave/src/llama.ts',
    natives: async () => ({ ...(await everyImage()), ...(await llama(variant)) }),
  }
}

async function onnxruntime(): Promise<Record<string, string>> {
  const engine = dirname(resolve('onnxruntime-node/package.json'))
  await checkVersion(engine)
  const libraries = join(engine, 'bin/napi-v6', process.platform, process.arch)
  return {
    'lib/libonnxruntime.so.1': join(libraries, 'libonnxruntime.so.1'),
    'lib/onnxruntime_binding.node': join(libraries, 'onnxruntime_binding.node'),
  }
}

/** The binding, what it is linked against, and of the processor's libraries one. They find each other by $ORIGIN. */
async function llama(variant: CpuVariant): Promise<Record<string, string>> {
  const folder = nativesFolder()
  const { buildOptions } = JSON.parse(await readFile(join(folder, '_nlcBuildMetadata.json'), 'utf8'))
  const release: string = buildOptions.llamaCpp.release
  const engine = llamaEngine(variant)
  if (engine !== `llama.cpp@${release}/cpu-${variant}`)
    throw new Error(`enclave/src/engineName.ts names ${engine}, installed is llama.cpp@${release}`)
  const files = [
    'llama-addon.node',
    'libggml-base.so',
    `libggml-cpu-${variant}.so`,
    `libggml.${release}.so`,
    'libllama-common.so',
    `libllama.${release}.so`,
  ]
  return Object.fromEntries(files.map(file => [`lib/${file}`, join(folder, file)]))
}

/** The engine's name is in every receipt: it must be the one that is shipped. */
async function checkVersion(engine: string): Promise<void> {
  const { version } = JSON.parse(await readFile(join(engine, 'package.json'), 'utf8'))
  if (ENGINE === `onnxruntime-node@${version}/cpu`) return
  throw new Error(`enclave/src/engineName.ts names ${ENGINE}, installed is onnxruntime-node@${version}`)
}
