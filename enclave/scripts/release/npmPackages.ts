import { readFile } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A package of npm as it was installed: what the lock file says of it, and its own word on its licence. */
export type NpmPackage = { name: string; version: string; integrity: string; licence?: string }

type Lock = { packages: Record<string, { version?: string; integrity?: string }> }

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))
const FOLDER = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)/

/**
 * The packages that files come from, each once: of those that a bundle is made of (paths in esbuild's metafile) and of
 * those that are shipped as they are. Files of our own are passed over. Fails for a package that the lock file does not
 * name with its digest, for then nobody could get the same one.
 */
export async function packagesOf(files: readonly string[], root: string = REPOSITORY): Promise<NpmPackage[]> {
  const lock: Lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  const folders = new Map<string, string>()
  for (const file of files) {
    const path = isAbsolute(file) ? relative(root, file) : file
    const [folder, name] = FOLDER.exec(path) ?? []
    if (folder !== undefined && name !== undefined) folders.set(folder, name)
  }
  const packages = [...folders].map(([folder, name]) => packageIn({ folder, name, root, lock }))
  const found = await Promise.all(packages)
  // One version may lie in several folders.
  return [...new Map(found.map(one => [`${one.name}@${one.version}`, one])).values()]
}

type Place = { folder: string; name: string; root: string; lock: Lock }

async function packageIn({ folder, name, root, lock }: Place): Promise<NpmPackage> {
  const { version, integrity } = lock.packages[folder] ?? {}
  if (version === undefined || integrity === undefined)
    throw new Error(`package-lock.json does not name ${folder} with its digest: install with npm ci`)
  const installed = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'))
  if (installed.version !== version)
    throw new Error(
      `${folder} is ${installed.version}, package-lock.json names ${version}: install with npm ci`,
    )
  const { license } = installed
  return { name, version, integrity, ...(typeof license === 'string' && { licence: license }) }
}
