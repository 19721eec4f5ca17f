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

/** How a development network runs its enclaves: both are SIMULATED. */
export const DEV_TEES = ['simulated', 'qemu'] as const
export type DevTee = (typeof DEV_TEES)[number]

/** What images are made of; packages by their locks, Node by its version. */
const FOLDERS = ['enclave/src', 'enclave/scripts', 'verify/src', 'proofs/src']
const LOCKS = ['package-lock.json', 'enclave/debian.lock.json']

/** What runs as a process, and what a virtual machine boots: where each is built, and by what. */
const BUILDS = {
  simulated: { dir: IMAGE_DIR, script: 'build.ts', image: 'onnx' },
  qemu: { dir: join(REPOSITORY, 'enclave', 'dist', 'release'), script: 'release.ts', image: 'onnx' },
  language: { dir: join(REPOSITORY, 'enclave', 'dist', 'language'), script: 'build.ts', image: 'llama' },
  zk: { dir: join(REPOSITORY, 'enclave', 'dist', 'zk-image'), script: 'build.ts', image: 'zk' },
} as const

/** Of the relay's operators, as they run; and those for language models and for proofs, which run as processes. */
export type BuildName = keyof typeof BUILDS

/** The image of these sources: built unless it is there. The operator hashes every byte of it again before use. */
export async function ensureImage(name: BuildName = 'simulated'): Promise<Image> {
  const { dir } = BUILDS[name]
  const record = `${dir}.inputs`
  const inputs = hashInputs()
  if (readText(record) === inputs && readText(join(dir, 'manifest.json')) !== '') return readImage(dir)
  const image = await buildImage(name)
  writeFileSync(record, inputs)
  return image
}

/** Builds the enclave's image, in a process of its own: this one never loads the enclave's sources. */
export async function buildImage(name: BuildName = 'simulated'): Promise<Image> {
  const { dir, script, image } = BUILDS[name]
  const file = join(REPOSITORY, 'enclave', 'scripts', script)
  await promisify(execFile)(process.execPath, [file, dir, image], { cwd: REPOSITORY }).catch(error => {
    throw new CliError('child-failed', {
      what: 'the enclave’s image was not built',
      why: String(error.stderr || error.message).trim(),
      fix: `run npm ci, then npx node enclave/scripts/${script} ${dir} ${image}`,
    })
  })
  return readImage(dir)
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
  for (const file of [...LOCKS, ...FOLDERS.flatMap(filesIn)])
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
