import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Manifest, parseManifest } from '@nacre/verify'
import { CliError } from '../errors.ts'
import { REPOSITORY } from '../paths.ts'

export type Image = { dir: string; manifest: Manifest }

export const IMAGE_DIR: string = join(REPOSITORY, 'enclave', 'dist', 'image')

/** Builds the enclave's image, in a process of its own: this one never loads the enclave's sources. */
export async function buildImage(): Promise<Image> {
  const script = join(REPOSITORY, 'enclave', 'scripts', 'build.ts')
  await promisify(execFile)(process.execPath, [script], { cwd: REPOSITORY }).catch(error => {
    throw new CliError('child-failed', {
      what: 'the enclave’s image was not built',
      why: String(error.stderr || error.message).trim(),
      fix: 'run npm ci, then node enclave/scripts/build.ts',
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
