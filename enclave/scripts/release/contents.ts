import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Manifest } from '@nacre/verify'
import { bundle } from '../build.ts'
import type { ImageKind } from '../images.ts'
import type { DebianPackage } from './debian.ts'
import { packagesOf } from './npmPackages.ts'
import { encodeSbom, type Workspace } from './sbom.ts'

export type Contents = {
  kind: ImageKind
  manifest: Manifest
  /** Those that files were taken from; without the kernel's where another is given. */
  debian: readonly DebianPackage[]
  /** Files of npm packages that the guest holds beside those of the image, by their paths on this machine. */
  shipped: readonly string[]
}

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))
/** What of this repository may run in a guest. */
const WORKSPACES = ['enclave', 'verify', 'proofs']

/** The list of what is in a release of this kind: what its program is bundled of, and what is shipped beside it. */
export async function sbomOf({ kind, manifest, debian, shipped }: Contents): Promise<Uint8Array> {
  const [output] = Object.values((await bundle(kind)).metafile.outputs)
  const bundled = Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [path] : [],
  )
  const natives = Object.values(await kind.natives())
  const npm = await packagesOf([...bundled, ...natives, ...shipped])
  const own = WORKSPACES.filter(folder => bundled.some(path => path.startsWith(`${folder}/src/`)))
  const workspaces = await Promise.all(own.map(workspaceOf))
  return encodeSbom({ manifest, npm, debian, workspaces })
}

async function workspaceOf(folder: string): Promise<Workspace> {
  const { name, version, license } = JSON.parse(
    await readFile(join(REPOSITORY, folder, 'package.json'), 'utf8'),
  )
  return { name, version, licence: license }
}
