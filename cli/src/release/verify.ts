import { readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Check, type Eif, equalBytes, type Manifest, manifestHash } from '@nacre/verify'
import { buildImage } from '../dev/image.ts'
import { printChecks } from '../dev/report.ts'
import { interruption } from '../enclave/interruption.ts'
import { CliError, EXIT } from '../errors.ts'
import { dim, green, type Output, plain, red } from '../output.ts'
import { buildIn } from './build.ts'
import { checkFolder } from './checkFolder.ts'
import { checkRelease } from './checkRelease.ts'
import { claimOf } from './claim.ts'
import { eifPath, type Folder, isRelease, readEif, readFolder, readManifest, SBOM } from './folder.ts'

export type VerifyOptions = { against?: string; kernel?: string }

/** What is verified: a folder, or a manifest alone. */
type Target = { manifest: Manifest; folder?: Folder }

/**
 * `nacre release verify`: whether a release is what these sources build, with the packages that are installed here. Builds
 * them again in a temporary folder and compares every file; or compares with a folder that was built elsewhere, which
 * says nothing of these sources.
 */
export async function verify(path: string, options: VerifyOptions, output: Output): Promise<number> {
  const target = targetOf(path)
  const own = target.folder ? ownChecks(target.folder) : []
  const against = await comparison(target, options, output)
  const checks = [...own, ...against]
  printChecks(output, checks)
  const ok = checks.every(check => check.ok)
  const hash = manifestHash(target.manifest)
  const what = claimOf(options)
  output.line(
    ok
      ? green(`${plain(target.manifest.name)} is ${plain(what)}, manifest ${hash}.`)
      : red(`${plain(path)} is NOT ${plain(what)}.`),
  )
  output.result({ release: path, name: target.manifest.name, manifest_hash: hash, ok, checks })
  return ok ? EXIT.ok : EXIT.checkFailed
}

function targetOf(path: string): Target {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    return { manifest: readManifest(path) }
  const folder = readFolder(path)
  return { manifest: folder.manifest, folder }
}

/** A manifest that is right says nothing of files that are not those that it names. */
function ownChecks(folder: Folder): Check[] {
  const checks = isRelease(folder) ? checkRelease(folder) : checkFolder(folder)
  return checks.map(check => ({ ...check, name: `its ${check.name}` }))
}

async function comparison(target: Target, options: VerifyOptions, output: Output): Promise<Check[]> {
  const { against, kernel } = options
  if (against !== undefined) return compare(target, readFolder(against))
  const { manifest } = target
  if (manifest.version === 1) return compare(target, readFolder((await buildImage()).dir))
  const { signal, ignore } = interruption()
  try {
    const work = { signal, onProgress: (line: string) => output.line(dim(plain(line))) }
    const wanted = { engine: engineOf(manifest), ...(kernel !== undefined && { kernel }) }
    return await buildIn(tmpdir(), wanted, work, built => compare(target, built))
  } finally {
    ignore()
  }
}

/** One check for the whole of each part, and one for each file that differs. */
function compare({ manifest, folder }: Target, built: Folder): Check[] {
  const other = built.manifest
  const differing = differingFiles(manifest, other)
  const same = differing.length === 0
  const parts = [
    equal('name-and-engine', textOf(manifest), textOf(other)),
    {
      name: 'files',
      ok: same,
      detail: same ? `all ${manifest.files.length} are the same` : `${differing.length} differ`,
    },
    ...differing,
    equal('measurements', measurementsOf(manifest), measurementsOf(other)),
    equal('manifest', manifestHash(manifest), manifestHash(other)),
  ]
  const both = folder && isRelease(folder) && isRelease(built)
  return both
    ? [
        ...parts,
        attempt('image-file', () => sameImage(folder, built)),
        attempt('sbom', () => sameSbom(folder, built)),
      ]
    : parts
}

function differingFiles(manifest: Manifest, other: Manifest): Check[] {
  const built = new Map(other.files.map(file => [file.path, file]))
  const found = manifest.files.flatMap(({ path, sha256, size }) => {
    const twin = built.get(path)
    built.delete(path)
    if (twin?.sha256 === sha256 && twin.size === size) return []
    const detail = twin
      ? `${size} bytes ${sha256}, built ${twin.size} bytes ${twin.sha256}`
      : 'these sources build none'
    return [{ name: path, ok: false, detail }]
  })
  const more = [...built.keys()].map(path => ({
    name: path,
    ok: false,
    detail: 'built, and not in the release',
  }))
  return [...found, ...more]
}

/** Whoever publishes may sign: then all but the signature is the same, and without it every byte. */
function sameImage(folder: Folder, built: Folder): string {
  const [a, b] = [readEif(eifPath(folder)), readEif(eifPath(built))]
  if (equalBytes(a.bytes, b.bytes)) return 'the same bytes'
  const different = PARTS.filter(([, of]) => !equalBytes(of(a.eif), of(b.eif))).map(([name]) => name)
  if (different.length > 0) throw new Error(`it differs in ${different.join(', ')}`)
  if (!a.eif.signature) throw new Error('its bytes differ, though each part is the same')
  return 'the same but for its signature'
}

const textBytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const PARTS: readonly (readonly [string, (eif: Eif) => Uint8Array])[] = [
  ['header', ({ version, flags, memory, cpus }) => textBytes([version, flags, memory, cpus])],
  ['kernel', ({ kernel }) => kernel],
  ['command line', ({ cmdline }) => textBytes(cmdline)],
  [
    'ramdisks',
    ({ ramdisks }) => Buffer.concat([textBytes(ramdisks.map(({ length }) => length)), ...ramdisks]),
  ],
  ['metadata', ({ metadata }) => textBytes(metadata ?? null)],
]

function sameSbom(folder: Folder, built: Folder): string {
  const [a, b] = [folder, built].map(({ dir }) => readFileSync(join(dir, SBOM))) as [Buffer, Buffer]
  if (!a.equals(b)) throw new Error('its bytes differ')
  return 'the same bytes'
}

function measurementsOf(manifest: Manifest): string {
  const list = manifest.version === 2 ? manifest.measurements : []
  return (
    list
      .map(({ kind, registers }) => `${kind} ${registers.join(' ')}`)
      .sort()
      .join('; ') || 'none'
  )
}

function textOf({ name, engine }: Manifest): string {
  return `${name}, ${engine}`
}

function equal(name: string, found: string, built: string): Check {
  const ok = found === built
  return { name, ok, detail: ok ? found : `${found}; built: ${built}` }
}

function attempt(name: string, run: () => string): Check {
  try {
    return { name, ok: true, detail: run() }
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

/** The engine by its release's name, as builds name them. */
function engineOf({ name }: Manifest): string {
  const [, engine] = /^nacre-([a-z0-9-]+)$/.exec(name) ?? []
  if (engine !== undefined) return engine
  throw new CliError('bad-file', {
    what: `${name} is no release of these sources`,
    why: 'they build nacre-ENGINE',
    fix: 'use the sources that its publisher names, or compare with a folder: --against DIR',
  })
}
