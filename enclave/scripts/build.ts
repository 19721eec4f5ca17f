import { createHash } from 'node:crypto'
import {
  chmod,
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeManifest, type Hex, type Manifest, manifestHash, toHex } from '@nacre/verify'
import { build, type Metafile, type Plugin } from 'esbuild'
import { IMAGES, type ImageKind, isImageName } from './images.ts'

/** A built image: a folder with exactly the manifest's files and manifest.json. */
export type Image = { dir: string; manifest: Manifest }

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const IMAGE_DIR = join(REPOSITORY, 'enclave/dist/image')
const BUNDLE = 'app/enclave.mjs'

/**
 * Builds an image of the enclave: the bundled program, the Node that runs this script, the engine's native library.
 * The same sources and packages give the same bytes, wherever the repository lies. An image that is there already
 * and is the same is left alone: enclaves may be starting from it.
 */
export async function buildImage(outDir: string = IMAGE_DIR, kind: ImageKind = IMAGES.onnx): Promise<Image> {
  const draft = `${outDir}.${process.pid}.new`
  try {
    const manifest = await stage(draft, kind)
    if (!(await isSame(outDir, manifest))) await replace(outDir, draft, manifest)
    return { dir: outDir, manifest }
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function stage(dir: string, kind: ImageKind): Promise<Manifest> {
  const natives = Object.entries(await kind.natives())
  await rm(dir, { recursive: true, force: true })
  await addFile(join(dir, BUNDLE), (await bundle(kind)).code)
  for (const [path, source] of natives) await addNative(join(dir, path), source)
  const manifest = await describe(dir, kind, [BUNDLE, ...natives.map(([path]) => path)])
  await addFile(join(dir, 'manifest.json'), encodeManifest(manifest))
  return manifest
}

async function isSame(dir: string, manifest: Manifest): Promise<boolean> {
  try {
    const paths = manifest.files.map(file => file.path)
    const there = await describe(dir, manifest, paths)
    const described = await readFile(join(dir, 'manifest.json'))
    return manifestHash(there) === manifestHash(manifest) && described.equals(encodeManifest(manifest))
  } catch {
    return false
  }
}

/** File by file, each at once: whoever builds or uses the same image meanwhile misses nothing. */
async function replace(dir: string, draft: string, { files }: Manifest): Promise<void> {
  const wanted = [...files.map(({ path }) => path), 'manifest.json']
  for (const path of wanted) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await rename(join(draft, path), join(dir, path))
  }
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (!entry.isDirectory() && !wanted.includes(relative(dir, file))) await rm(file, { force: true })
  }
}

/** The program as one ES module, and what esbuild says went into it. */
export async function bundle(kind: ImageKind): Promise<{ code: Uint8Array; metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [kind.entry],
    absWorkingDir: REPOSITORY,
    outfile: 'enclave.mjs',
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    // Modules before CommonJS, so that what is not used stays out: hash-wasm has a score of hash functions.
    mainFields: ['module', 'main'],
    format: 'esm',
    target: 'node24',
    legalComments: 'none',
    charset: 'utf8',
    tsconfigRaw: {},
    // The engine's JavaScript is CommonJS: its require() of Node's own modules needs a require.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'\nconst require = requireOf(import.meta.url)",
    },
    plugins: [nativeBinding, sideEffectFree],
  })
  return { code: outputFiles[0]!.contents, metafile }
}

/** The engines look for their bindings inside of packages; in the image they lie in lib/. */
const nativeBinding: Plugin = {
  name: 'native-binding',
  setup({ onLoad }) {
    onLoad({ filter: /onnxruntime-node\/dist\/binding\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const contents = source.replace(
        /require\(`\.\.\/bin\/[^`]*`\)/,
        "require('../lib/onnxruntime_binding.node')",
      )
      if (contents === source) throw new Error(`${path}: the engine loads its binding in another way now`)
      return { contents, loader: 'js' }
    })
    onLoad({ filter: /enclave\/src\/llama\/natives\.ts$/ }, () => ({
      contents:
        "import { fileURLToPath } from 'node:url'\nexport const nativesFolder = () => fileURLToPath(new URL('../lib', import.meta.url))",
      loader: 'js',
    }))
    onLoad({ filter: /\.node$/ }, () => ({ errors: [{ text: 'a native file must not be bundled' }] }))
  },
}

/** verify's modules only define things: what the enclave does not use stays out. */
const sideEffectFree: Plugin = {
  name: 'side-effect-free',
  setup(builder) {
    builder.onResolve({ filter: /^@nacre\/verify/ }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === 'resolved') return undefined
      const found = await builder.resolve(path, { ...rest, pluginData: 'resolved' })
      return { ...found, sideEffects: false }
    })
    builder.onResolve({ filter: /lib\/onnxruntime_binding\.node$/ }, ({ path }) => ({ path, external: true }))
  },
}

async function addFile(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}

/** A hard link where the file system allows it: Node alone has 120 MB. */
async function addNative(path: string, source: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await link(source, path).catch(async () => {
    await copyFile(source, path)
    await chmod(path, 0o755)
  })
}

async function describe(
  dir: string,
  { name, engine }: Pick<Manifest, 'name' | 'engine'>,
  paths: string[],
): Promise<Manifest> {
  const files = await Promise.all(
    paths.sort().map(async path => {
      const file = join(dir, path)
      return { path, sha256: await sha256File(file), size: (await stat(file)).size }
    }),
  )
  return { version: 1, name, engine, files }
}

/**
 * Through one small buffer: new memory for 120 MB of Node costs more than their hash. As host/src/common/hashFile.ts, from
 * which no image may be built.
 */
async function sha256File(path: string): Promise<Hex> {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(2 ** 18)
  const file = await open(path)
  try {
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length)
      if (bytesRead === 0) return toHex(hash.digest())
      hash.update(piece.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , outDir, name = 'onnx'] = process.argv
  if (!isImageName(name))
    throw new Error(
      `there is no image ${name}: npx node enclave/scripts/build.ts [DIR [${Object.keys(IMAGES).join(' | ')}]]`,
    )
  const { dir, manifest } = await buildImage(outDir, IMAGES[name])
  console.log(`${manifestHash(manifest)}  ${dir}`)
}
