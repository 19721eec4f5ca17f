import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Eif,
  MAX_EIF,
  MAX_MANIFEST,
  type Manifest,
  parseEif,
  parseManifest,
  type ReleaseManifest,
} from '@nacre/verify'
import { readBounded } from '../attestation/files.ts'
import { CliError } from '../errors.ts'
import { nodeHashes } from '../nodeCrypto.ts'

/** A folder with a manifest: of an image that runs as a process, or of a release that is booted. */
export type Folder<M extends Manifest = Manifest> = { dir: string; manifest: M }

export const MANIFEST = 'manifest.json'
/** The list of what is in a release, CycloneDX. */
export const SBOM = 'sbom.cdx.json'

export function isRelease(folder: Folder): folder is Folder<ReleaseManifest> {
  return folder.manifest.version === 2
}

/** The file of a release that is booted. */
export function eifPath({ dir, manifest }: Folder): string {
  return join(dir, `${manifest.name}.eif`)
}

/** The manifest as it is; no other file is looked at. @throws CliError bad-file */
export function readFolder(dir: string): Folder {
  return { dir, manifest: readManifest(join(dir, MANIFEST)) }
}

/** @throws CliError bad-file */
export function readManifest(path: string): Manifest {
  try {
    return parseManifest(readBounded(path, MAX_MANIFEST))
  } catch (error) {
    throw badFile(`${path} is no manifest`, error, 'build it: nacre release build --engine onnx --out DIR')
  }
}

/** An image file with its bytes. @throws CliError bad-file */
export function readEif(path: string): { bytes: Uint8Array; eif: Eif } {
  try {
    const bytes = readWhole(path, MAX_EIF)
    return { bytes, eif: parseEif(bytes, { hashes: nodeHashes }) }
  } catch (error) {
    throw badFile(`the image ${path} cannot be used`, error, 'take it from its publisher, or build it again')
  }
}

/** A regular file whose size is known before it is read: a bound of a gigabyte is not set aside. */
function readWhole(path: string, max: number): Uint8Array {
  const stats = statSync(path)
  if (!stats.isFile()) throw new Error('it is no regular file')
  if (stats.size > max) throw new Error(`it has ${stats.size} bytes, and at most ${max} are read`)
  return readFileSync(path)
}

export function badFile(what: string, error: unknown, fix: string): CliError {
  const why = error instanceof Error ? error.message : String(error)
  return new CliError('bad-file', { what, why, fix })
}
