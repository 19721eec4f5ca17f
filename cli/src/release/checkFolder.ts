import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Check, type ManifestFile, toHex } from '@nacre/verify'
import type { Folder } from './folder.ts'

/** Every file of an image folder against its manifest, one check each. */
export function checkFolder({ dir, manifest }: Folder): Check[] {
  return manifest.files.map(file => checkFile(dir, file))
}

function checkFile(dir: string, file: ManifestFile): Check {
  const name = file.path
  try {
    const ok = isFile(readFileSync(join(dir, file.path)), file)
    return { name, ok, detail: ok ? 'as the manifest says' : 'not the file that the manifest names' }
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

/** Whether bytes are those that a manifest names. */
export function isFile(bytes: Uint8Array, { size, sha256 }: ManifestFile): boolean {
  return bytes.length === size && toHex(createHash('sha256').update(bytes).digest()) === sha256
}
