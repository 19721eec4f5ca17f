import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Hex, type ReleaseManifest, toHex, verifyEifSignature } from '@nacre/verify'
import { interruption } from '../enclave/interruption.ts'
import { EXIT } from '../errors.ts'
import { nodeCrypto, nodeHashes } from '../nodeCrypto.ts'
import { dim, type Output, plain } from '../output.ts'
import { REPOSITORY } from '../paths.ts'
import { checkRelease } from './checkRelease.ts'
import { badFile, eifPath, type Folder, isRelease, readEif, readFolder } from './folder.ts'
import { runScript } from './script.ts'
import { describe, type PublisherOption, publisherOf } from './show.ts'
import { loadSigner, signEif } from './sign.ts'

export type BuildOptions = PublisherOption & {
  engine: string
  out: string
  kernel?: string
  signingKey?: string
  signingCertificate?: string
}

type Work = { signal: AbortSignal; onProgress: (line: string) => void }

/** `nacre release build`: a release of these sources in a folder of its own, the same bytes on every machine. */
export async function build(options: BuildOptions, output: Output): Promise<number> {
  const { engine, kernel, signingKey, signingCertificate } = options
  const publisher = publisherOf(options)
  // Before minutes of building.
  const signer = loadSigner(signingKey, signingCertificate)
  const out = resolve(options.out)
  checkReplaceable(out)
  if (kernel !== undefined && !existsSync(kernel))
    throw badFile('there is no kernel', `${kernel} does not exist`, 'name a bzImage: --kernel FILE')
  const { signal, ignore } = interruption()
  try {
    const onProgress = (line: string): void => output.line(dim(plain(line)))
    return await buildIn(
      dirname(out),
      { engine, ...(kernel !== undefined && { kernel }) },
      { signal, onProgress },
      built => {
        if (signer) writeFileSync(eifPath(built), signEif(readFileSync(eifPath(built)), signer))
        replaceFolder(out, built.dir)
        report({ ...built, dir: out }, publisher, output)
        return EXIT.ok
      },
    )
  } finally {
    ignore()
  }
}

/**
 * Builds a release in a temporary folder within `parent`, hands it over, and leaves nothing else behind, whatever
 * happens.
 * @throws CliError child-failed, interrupted
 */
export async function buildIn<T>(
  parent: string,
  { engine, kernel }: { engine: string; kernel?: string },
  work: Work,
  use: (built: Folder<ReleaseManifest>) => T | Promise<T>,
): Promise<T> {
  mkdirSync(parent, { recursive: true })
  const scratch = await mkdtemp(join(parent, '.nacre-release-'))
  try {
    const script = join(REPOSITORY, 'enclave', 'scripts', 'release.ts')
    const args = [
      join(scratch, 'release'),
      engine,
      ...(kernel === undefined ? [] : ['--kernel', resolve(kernel)]),
    ]
    await runScript({ script, args, scratch, ...work })
    const built = readFolder(join(scratch, 'release'))
    if (!isRelease(built))
      throw badFile(
        `${script} built no release`,
        `its manifest has version ${built.manifest.version}`,
        'use sources of one release',
      )
    const wrong = checkRelease(built).find(check => !check.ok)
    if (wrong)
      throw badFile(
        `what ${script} built is not what its manifest says`,
        `${wrong.name}: ${wrong.detail}`,
        'use sources of one release, and build again',
      )
    return await use(built)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function report(folder: Folder<ReleaseManifest>, publisher: Hex, output: Output): void {
  const facts = describe(folder, publisher, output)
  const { bytes, eif } = readEif(eifPath(folder))
  const pcr8 = eif.signature && toHex(verifyEifSignature(eif, { crypto: nodeCrypto, hashes: nodeHashes }))
  if (pcr8) output.line(`Signed: PCR 8 is ${pcr8}`)
  const { length } = folder.manifest.files
  output.line(`${plain(eifPath(folder))}  ${bytes.length.toLocaleString('en-US')} bytes, ${length} files`)
  output.result({ ...facts, eif: eifPath(folder), bytes: bytes.length, files: length, pcr8: pcr8 ?? null })
}

/** The new folder in the place of an old one. */
function replaceFolder(out: string, built: string): void {
  rmSync(out, { recursive: true, force: true })
  renameSync(built, out)
}

/** Only what a build wrote is replaced. @throws CliError bad-file */
function checkReplaceable(out: string): void {
  const foreign = namesIn(out).filter(
    name => !/^(manifest\.json|sbom\.cdx\.json|[a-z0-9.-]+\.eif)$/.test(name),
  )
  if (foreign.length === 0) return
  throw badFile(
    `${out} is not replaced`,
    `it holds files that no build wrote: ${foreign.slice(0, 5).join(', ')}`,
    'name a folder that is new, or one that holds a release alone: --out DIR',
  )
}

function namesIn(out: string): string[] {
  try {
    return readdirSync(out)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw badFile(`${out} is no folder`, error, 'name another: --out DIR')
  }
}
