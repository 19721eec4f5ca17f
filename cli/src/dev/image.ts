import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Manifest, parseManifest } from '@nacre/verify'
import { CliError } from '../errors.ts'
import { REPOSITORY } from '../paths.ts'

export type Image = { dir: string; manifest: Manifest }

export const IMAGE_DIR: string = join(REPOSITORY, 'enclave', 'dist', 'image')

/** What the image is made of; packages by their lock, Node by its version. */
const INPUTS = ['enclave/src', 'enclave/scripts', 'verify/src']

/** The image of these sources: built unless it is there. The operator hashes every file of it again before use. */
export async function ensureImage(): Promise<Image> {
  const record = `${IMAGE_DIR}.inputs`
  const inputs = hashInputs()
  if (readText(record) === inputs && readText(join(IMAGE_DIR, 'manifest.json')) !== '')
    return readImage(IMAGE_DIR)
  const image = await buildImage()
  writeFileSync(record, inputs)
  return image
}

/** Builds the enclave's image, in a process of its own: this one never loads the enclave's sources. */
export async function buildImage(): Promise<Image> {
  const script = join(REPOSITORY, 'enclave', 'scripts', 'build.ts')
  await promisify(execFile)(process.execPath, [script], { cwd: REPOSITORY }).catch(error => {
    throw new CliError('child-failed', {
      what: 'the enclave’s image was not built',
      why: String(error.stderr || error.message).trim(),
      fix: 'run npm ci, then npx node enclave/scripts/build.ts',
    })
  })
  return readImage(IMAGE_DIR)
}

/** The image's manifest as it was built; `nacre release measure` hashes the files again. */
export function readImage(dir: string): Image {
  try {
    return { dir, manifest: parseManifest(JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'))) }
  } catch (error) {
    throw new CliError('bad-file', {
      what: `there is no enclave image in ${dir}`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'build it: nacre release measure',
    })
  }
}

function hashInputs(): string {
  const hash = createHash('sha256').update(`${process.version} ${process.arch}\0`)
  for (const file of ['package-lock.json', ...INPUTS.flatMap(filesIn)])
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(REPOSITORY, file)))
      .update('\0')
  return hash.digest('hex')
}

function filesIn(dir: string): string[] {
  const files = readdirSync(join(REPOSITORY, dir), { recursive: true, withFileTypes: true })
  return files
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map(entry => join(entry.parentPath, entry.name).slice(REPOSITORY.length + 1))
    .sort()
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
