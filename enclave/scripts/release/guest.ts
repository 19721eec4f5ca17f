import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile } from 'esbuild'
import { buildImage } from '../build.ts'
import type { ImageKind } from '../images.ts'
import { DEBIAN_PACKAGES, type DebianPackage, fetchPackage, unpackPackage, unxz } from './debian.ts'

/** Everything of a guest, by its path in it; `boot/` is what boots it and is in no ramdisk. */
export type GuestFile = { path: string; content: Uint8Array; executable?: boolean }

export type GuestOptions = {
  kind: ImageKind
  /** Folder for the image's own files while it is built. */
  scratch: string
  /** Another kernel than Debian's, with everything built in. */
  kernelFile?: string
  cacheDir?: string
  onProgress?: (text: string) => void
}

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))
/** Calls C from the init: reports and modules are behind ioctl. */
const KOFFI = join(
  dirname(createRequire(import.meta.url).resolve('@koromix/koffi-linux-x64/package.json')),
  'linux_x64/koffi.node',
)
const LIBRARIES = 'lib/x86_64-linux-gnu'
const LOADER = 'lib64/ld-linux-x86-64.so.2'

/** What the C library's packages hold that Node, the engine and koffi load; where it is in the guest. */
export const SYSTEM: Record<string, Record<string, string>> = {
  libc6: {
    [`${LIBRARIES}/ld-linux-x86-64.so.2`]: LOADER,
    ...Object.fromEntries(
      ['libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0', 'librt.so.1'].map(name => [
        `${LIBRARIES}/${name}`,
        `${LIBRARIES}/${name}`,
      ]),
    ),
  },
  'libgcc-s1': { [`${LIBRARIES}/libgcc_s.so.1`]: `${LIBRARIES}/libgcc_s.so.1` },
  'libstdc++6': { [`usr/${LIBRARIES}/libstdc++.so.6.0.30`]: `${LIBRARIES}/libstdc++.so.6` },
}

/** Modules of Debian's kernel, each after those that it needs: reports of TDX and SEV-SNP, Nitro's module, vsock. */
export const MODULES = [
  'fs/configfs/configfs',
  'drivers/virt/coco/tsm',
  'drivers/virt/coco/tdx-guest/tdx-guest',
  'drivers/virt/coco/sev-guest/sev-guest',
  'drivers/misc/nsm',
  'net/vmw_vsock/vsock',
  'net/vmw_vsock/vmw_vsock_virtio_transport_common',
  'net/vmw_vsock/vmw_vsock_virtio_transport',
]

/**
 * The kernel's command line, which is measured. A kernel that panics ends the machine; the processor's own generator
 * seeds the kernel's, as the platform's is the only one that a guest has.
 */
const CMDLINE = 'console=ttyS0 quiet panic=-1 reboot=t random.trust_cpu=on nacre.parent_cid=3'

/** The files of a guest, in no order. The same sources and lock files give the same bytes. */
export async function guestFiles(options: GuestOptions): Promise<GuestFile[]> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `releases are for Linux on x64, and are built there: this is ${process.platform} ${process.arch}`,
    )
  const parts = await Promise.all([boot(options), systemFiles(options), guestPrograms(), imageFiles(options)])
  return parts.flat()
}

/** Where a guest's files come from beside the image's own: for the list of what is inside. */
export function sourcesOf({ kernelFile }: Pick<GuestOptions, 'kernelFile'>): {
  debian: readonly DebianPackage[]
  shipped: string[]
} {
  // A kernel of one's own is in no package.
  const isUsed = ({ name }: DebianPackage) => kernelFile === undefined || !name.startsWith('linux-image-')
  return { debian: DEBIAN_PACKAGES.filter(isUsed), shipped: [KOFFI] }
}

/** The image's own files; Node is the platform's. */
async function imageFiles({ kind, scratch }: GuestOptions): Promise<GuestFile[]> {
  const { dir, manifest } = await buildImage(scratch, kind)
  return Promise.all(
    manifest.files.map(async ({ path }) => {
      const content = await readFile(join(dir, path))
      return path === 'bin/node' ? { path, content, executable: true } : { path: `image/${path}`, content }
    }),
  )
}

async function guestPrograms(): Promise<GuestFile[]> {
  const start = Buffer.from("#!/bin/node\nimport('/guest/init.mjs')\n")
  return [
    { path: 'init', content: start, executable: true },
    { path: 'guest/init.mjs', content: (await bundleGuest('init')).code },
    { path: 'guest/bridge.mjs', content: (await bundleGuest('bridge')).code },
    { path: 'lib/koffi.node', content: await readFile(KOFFI) },
  ]
}

/** One of a guest's own programs, and what esbuild says went into it: nothing but our own and node:*. */
export async function bundleGuest(
  name: 'init' | 'bridge',
): Promise<{ code: Uint8Array; metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [`enclave/src/guest/${name}.ts`],
    absWorkingDir: REPOSITORY,
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    legalComments: 'none',
    charset: 'utf8',
    tsconfigRaw: {},
  })
  return { code: outputFiles[0]!.contents, metafile }
}

async function systemFiles(options: GuestOptions): Promise<GuestFile[]> {
  const files = Object.entries(SYSTEM).map(async ([name, paths]) => {
    const found = await unpackPackage(await fetchPackage(packageOf(name), options), Object.keys(paths))
    return Object.entries(paths).map(([from, path]) => ({
      path,
      content: found.get(from)!,
      executable: path === LOADER,
    }))
  })
  return (await Promise.all(files)).flat()
}

async function boot(options: GuestOptions): Promise<GuestFile[]> {
  const cmdline = { path: 'boot/cmdline', content: Buffer.from(CMDLINE) }
  const kernel = (content: Uint8Array) => ({ path: 'boot/vmlinuz', content })
  if (options.kernelFile !== undefined) return [cmdline, kernel(await readFile(options.kernelFile))]
  const wanted = packageOf('linux-image-')
  const release = wanted.name.slice('linux-image-'.length)
  const vmlinuz = `boot/vmlinuz-${release}`
  const modules = MODULES.map(name => `lib/modules/${release}/kernel/${name}.ko.xz`)
  const found = await unpackPackage(await fetchPackage(wanted, options), [vmlinuz, ...modules])
  const loaded = modules.map(async path => ({
    path: `modules/${basename(path, '.ko.xz')}.ko`,
    content: await unxz(found.get(path)!),
  }))
  const list = MODULES.map(name => `${basename(name)}\n`).join('')
  return [
    cmdline,
    kernel(found.get(vmlinuz)!),
    { path: 'modules/list', content: Buffer.from(list) },
    ...(await Promise.all(loaded)),
  ]
}

function packageOf(name: string): DebianPackage {
  const found = DEBIAN_PACKAGES.find(
    entry => entry.name === name || (name.endsWith('-') && entry.name.startsWith(name)),
  )
  if (!found) throw new Error(`enclave/debian.lock.json names no ${name}`)
  return found
}
