import { lstat, readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import {
  type Manifest,
  type Measurement,
  measurementsOf,
  messageOf,
  parseManifest,
  sameMeasurement,
} from '@nacre/verify'
import { MAX_MANIFEST } from '@nacre/verify/release'
import { sha256File } from '../common/hashFile.ts'
import { readEif } from './eifFile.ts'
import { DriverError } from './errors.ts'

/**
 * A built enclave image: of version 1 a folder with exactly the manifest's files, and manifest.json; of version 2 a
 * release, with the image file that boots and the list of what is in it instead of the files.
 */
export type Image = { dir: string; manifest: Manifest }

const MANIFEST = 'manifest.json'
const SBOM = 'sbom.cdx.json'

/**
 * Opens an image and checks every file against the manifest; a file too many is an error like one too few.
 * @throws DriverError image-invalid
 */
export async function loadImage(dir: string): Promise<Image> {
  const root = resolve(dir)
  const manifest = await readManifest(root)
  const named =
    manifest.version === 2 ? [`${manifest.name}.eif`, SBOM] : manifest.files.map(file => file.path)
  const wanted = [MANIFEST, ...named].sort()
  const found = (await listFiles(root)).sort()
  const difference = [
    ...found.filter(path => !wanted.includes(path)).map(path => `${path} is not in the manifest`),
    ...wanted.filter(path => !found.includes(path)).map(path => `${path} is missing`),
  ]
  if (difference[0] !== undefined) throw invalid(root, difference[0])
  const image = { dir: root, manifest }
  if (manifest.version === 2) await checkEif(image)
  else await Promise.all(manifest.files.map(file => checkFile(root, file)))
  return image
}

/** The manifest's id binds what is measured, and that every byte that boots. */
async function checkEif(image: Image): Promise<void> {
  const { path, pcrs } = await readEif(image)
  const measured: Measurement = { kind: 'nitro', registers: pcrs }
  if (measurementsOf(image.manifest).some(named => sameMeasurement(named, measured))) return
  throw invalid(image.dir, `${path} is not the file that the manifest measures`)
}

async function readManifest(root: string): Promise<Manifest> {
  try {
    const path = join(root, MANIFEST)
    if ((await lstat(path)).size > MAX_MANIFEST) throw new Error(`longer than ${MAX_MANIFEST} bytes`)
    return parseManifest(new Uint8Array(await readFile(path)))
  } catch (cause) {
    throw invalid(root, `${MANIFEST}: ${messageOf(cause)}`, cause)
  }
}

/** Paths of all regular files, relative; a link or anything else is an error. */
async function listFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.flatMap(entry => {
    const path = relative(root, join(entry.parentPath, entry.name))
    if (entry.isDirectory()) return []
    if (!entry.isFile()) throw invalid(root, `${path} is no regular file`)
    return [path]
  })
}

async function checkFile(root: string, { path, sha256, size }: Manifest['files'][number]): Promise<void> {
  const file = join(root, path)
  const actual = (await lstat(file)).size
  if (actual !== size) throw invalid(root, `${path} has ${actual} bytes, the manifest says ${size}`)
  const digest = await sha256File(file)
  if (digest !== sha256) throw invalid(root, `${path} has SHA-256 ${digest}, the manifest says ${sha256}`)
}

function invalid(root: string, reason: string, cause?: unknown): DriverError {
  return new DriverError('image-invalid', `image ${root}: ${reason}`, cause)
}
