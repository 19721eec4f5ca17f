import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeManifest, type Hex, type Manifest, manifestHash } from '@nacre/verify'
import { IMAGES, type ImageKind, isImageName } from './images.ts'
import { sbomOf } from './release/contents.ts'
import { encodeRamdisk } from './release/cpio.ts'
import { encodeEif } from './release/eif.ts'
import { type GuestFile, type GuestOptions, guestFiles, sourcesOf } from './release/guest.ts'
import { encodePlatform } from './release/platform.ts'

/** A release: a folder with the manifest, the image file that boots, and the list of what is in it. */
export type Release = { dir: string; manifest: Manifest; eif: string }

export type ReleaseOptions = Omit<GuestOptions, 'scratch'> & { outDir: string }

/** AWS's format wants to know when: the same for all, so that the same sources are the same bytes. */
const BUILD_TIME = '1970-01-01T00:00:00Z'
const PCR_SIZE = 48

/**
 * Builds the image of an engine that boots as a machine of its own: kernel, libraries, Node, program. Needs no Docker
 * and no nitro-cli, and gives the same bytes each time; Debian's packages come by their digests (enclave/debian.lock.json).
 */
export async function buildRelease({ outDir, ...options }: ReleaseOptions): Promise<Release> {
  const { kind, onProgress = () => {} } = options
  const scratch = await mkdtemp(join(tmpdir(), 'nacre-release-'))
  try {
    onProgress(`bundling ${kind.name}`)
    const files = await guestFiles({ ...options, scratch: join(scratch, 'image') })
    onProgress(`packing ${files.length} files`)
    const eif = pack(kind, files)
    const manifest = describe(kind, files, eif.measurement)
    const name = `${kind.name}.eif`
    const sbom = await sbomOf({ kind, manifest, ...sourcesOf(options) })
    await replaceFolder(outDir, {
      [name]: eif.bytes,
      'manifest.json': encodeManifest(manifest),
      'sbom.cdx.json': sbom,
    })
    return { dir: outDir, manifest, eif: join(outDir, name) }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/**
 * The first ramdisk is the platform, which all engines share, and the second the application: PCR 1 is kernel and
 * platform, PCR 2 the application, PCR 0 all of it.
 */
function pack(kind: ImageKind, files: GuestFile[]): { bytes: Uint8Array; measurement: Hex[] } {
  const named = new Map(files.map(file => [file.path, file.content]))
  const kernel = named.get('boot/vmlinuz')!
  const cmdline = Buffer.from(named.get('boot/cmdline')!)
  const inRamdisk = files.filter(({ path }) => !path.startsWith('boot/'))
  const isApplication = ({ path }: GuestFile) => path.startsWith('image/')
  const platform = encodePlatform(inRamdisk.filter(file => !isApplication(file)))
  const application = encodeRamdisk(inRamdisk.filter(isApplication))
  const bytes = encodeEif({
    kernel,
    cmdline: cmdline.toString(),
    ramdisks: [platform, application],
    metadata: metadataOf(kind),
  })
  const measurement = [
    pcrOf(kernel, cmdline, platform, application),
    pcrOf(kernel, cmdline, platform),
    pcrOf(application),
  ]
  return { bytes, measurement }
}

/** What nitro-cli expects to read of an image (aws-nitro-enclaves-image-format, EifIdentityInfo). It is not measured. */
function metadataOf({ name }: ImageKind): unknown {
  return {
    ImageName: name,
    ImageVersion: '1',
    BuildMetadata: {
      BuildTime: BUILD_TIME,
      BuildTool: 'nacre',
      BuildToolVersion: '1',
      OperatingSystem: 'Linux',
      KernelVersion: '6.12',
    },
    DockerInfo: {},
  }
}

/** A register of Nitro that was zero and was extended once: SHA-384 of 48 zeros and the hash. */
function pcrOf(...parts: Uint8Array[]): Hex {
  const hash = createHash('sha384')
  for (const part of parts) hash.update(part)
  return `0x${createHash('sha384').update(Buffer.alloc(PCR_SIZE)).update(hash.digest()).digest('hex')}`
}

function describe({ name, engine }: ImageKind, files: GuestFile[], registers: Hex[]): Manifest {
  const entries = files.map(({ path, content }) => ({
    path,
    sha256: `0x${createHash('sha256').update(content).digest('hex')}` as const,
    size: content.length,
  }))
  return { version: 2, name, engine, files: entries, measurements: [{ kind: 'nitro', registers }] }
}

/**
 * The whole of it or nothing: who stops this half way keeps what was there. A folder that holds anything but a release
 * is somebody's: it is left alone.
 */
export async function replaceFolder(dir: string, files: Record<string, Uint8Array>): Promise<void> {
  const foreign = (await filesOf(dir)).find(
    name => !/^(manifest\.json|sbom\.cdx\.json|[^/]+\.eif)$/.test(name),
  )
  if (foreign !== undefined)
    throw new Error(
      `${dir} holds ${foreign}, which is no part of a release: name another folder, or an empty one`,
    )
  const draft = `${dir}.${process.pid}.new`
  try {
    await mkdir(draft, { recursive: true })
    for (const [name, content] of Object.entries(files)) await writeFile(join(draft, name), content)
    await rm(dir, { recursive: true, force: true })
    await rename(draft, dir)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function filesOf(dir: string): Promise<string[]> {
  try {
    return await readdir(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main().catch(error => {
    // What it says is for people: where it was thrown is not.
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  })

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { kernel: { type: 'string' } },
  })
  const [outDir, name = 'onnx'] = positionals
  if (outDir === undefined || !isImageName(name))
    throw new Error(
      `usage: npx node enclave/scripts/release.ts DIR [${Object.keys(IMAGES).join(' | ')}] [--kernel FILE]`,
    )
  const { dir, manifest, eif } = await buildRelease({
    outDir,
    kind: IMAGES[name],
    ...(values.kernel !== undefined && { kernelFile: values.kernel }),
    onProgress: text => process.stderr.write(`${text}\n`),
  })
  console.log(JSON.stringify({ dir, eif, manifestHash: manifestHash(manifest) }))
}
