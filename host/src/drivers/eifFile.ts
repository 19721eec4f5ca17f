import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Eif, MAX_EIF, type Manifest, measureEif, messageOf, parseEif } from '@nacre/verify'
import { imageHashes } from '../common/imageHashes.ts'
import { DriverError } from './errors.ts'

/** A release's image file, taken apart, and what Nitro measures of it: PCR 0, 1 and 2. */
export type MeasuredEif = { path: string; eif: Eif; pcrs: Uint8Array[] }

/** Reads the file that boots. Whether it is the one that the manifest means is the caller's question. @throws DriverError image-invalid */
export async function readEif(image: Folder): Promise<MeasuredEif> {
  const path = eifPathOf(image)
  try {
    const { size } = await stat(path)
    if (size > MAX_EIF) throw new Error(`it has ${size} bytes, and at most ${MAX_EIF} are read`)
    const eif = parseEif(await readFile(path), { hashes: imageHashes })
    const { pcr0, pcr1, pcr2 } = measureEif(eif, { hashes: imageHashes })
    return { path, eif, pcrs: [pcr0, pcr1, pcr2] }
  } catch (cause) {
    throw new DriverError('image-invalid', `image ${path}: ${messageOf(cause)}`, cause)
  }
}

type Folder = { dir: string; manifest: Manifest }

/** @throws DriverError image-invalid */
export function eifPathOf({ dir, manifest }: Folder): string {
  if (manifest.version === 2) return join(dir, `${manifest.name}.eif`)
  throw new DriverError('image-invalid', `image ${dir} runs as a process, it boots no machine`)
}
