import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  type Check,
  type Eif,
  manifestHash,
  measureEif,
  measurementOfEif,
  measurementsOf,
  type ReleaseManifest,
  sameMeasurement,
  toHex,
  unpackRamdisks,
  utf8,
  verifyEifSignature,
} from '@nacre/verify'
import { readBounded } from '../attestation/files.ts'
import { nodeCrypto, nodeHashes } from '../nodeCrypto.ts'
import { isFile } from './checkFolder.ts'
import { eifPath, type Folder, MANIFEST, readEif, SBOM } from './folder.ts'

const MAX_SBOM = 16_777_216

/** A release against its manifest: what is measured, and every file that is in what is booted. */
export function checkRelease(folder: Folder<ReleaseManifest>): Check[] {
  const image = attempt('image-file', () => readEif(eifPath(folder)).eif)
  const checks = [checkFiles(folder), checkSbom(folder), image.check]
  const { value } = image
  if (value === undefined) return checks
  return [
    ...checks,
    checkMeasurement(folder.manifest, value),
    ...checkSignature(value),
    ...checkContent(folder.manifest, value),
  ]
}

function checkFiles(folder: Folder<ReleaseManifest>): Check {
  const wanted = [MANIFEST, SBOM, basename(eifPath(folder))].sort()
  return attempt('folder', () => {
    const found = readdirSync(folder.dir).sort()
    if (found.join('\n') !== wanted.join('\n'))
      throw new Error(`it has ${found.join(', ')}, not ${wanted.join(', ')}`)
    return wanted.join(', ')
  }).check
}

/** Whether the list of what is inside is there, and of this manifest; what it says is not looked at. */
function checkSbom({ dir, manifest }: Folder<ReleaseManifest>): Check {
  return attempt('sbom', () => {
    const text = Buffer.from(readBounded(join(dir, SBOM), MAX_SBOM)).toString('utf8')
    const { bomFormat, metadata } = JSON.parse(text) as Sbom
    if (bomFormat !== 'CycloneDX') throw new Error('it is not of the format CycloneDX')
    const named = metadata?.component?.['bom-ref']
    const hash = manifestHash(manifest)
    if (named !== `nacre:release:${hash}`) throw new Error(`it is of ${named}, not of the manifest ${hash}`)
    return 'of this manifest'
  }).check
}

type Sbom = { bomFormat?: string; metadata?: { component?: { 'bom-ref'?: string } } }

function checkMeasurement(manifest: ReleaseManifest, eif: Eif): Check {
  const measured = measureEif(eif, { hashes: nodeHashes })
  const measurement = measurementOfEif(measured)
  const ok = measurementsOf(manifest).some(named => sameMeasurement(named, measurement))
  const detail = ok
    ? 'PCR 0, 1 and 2 are the manifest’s'
    : `the manifest names no PCR 0 ${toHex(measured.pcr0)}`
  return { name: 'measurement', ok, detail }
}

/** Whose certificate it is, only its owner knows: PCR 8 says which. */
function checkSignature(eif: Eif): Check[] {
  if (!eif.signature) return []
  return [
    attempt(
      'signature',
      () => `PCR 8 ${toHex(verifyEifSignature(eif, { crypto: nodeCrypto, hashes: nodeHashes }))}`,
    ).check,
  ]
}

/** One check for all files that are as they should be, and one for each that is not. */
function checkContent(manifest: ReleaseManifest, eif: Eif): Check[] {
  const content = attempt('ramdisks', () => contentOf(eif))
  if (content.value === undefined) return [content.check]
  const { files, others } = content.value
  const wrong = manifest.files.flatMap(file => {
    const bytes = files.get(file.path)
    files.delete(file.path)
    if (bytes && isFile(bytes, file)) return []
    return [failed(file.path, bytes ? 'not the file that the manifest names' : 'it is not in the image')]
  })
  const unnamed = [...files.keys()].map(path => failed(path, 'the manifest does not name it'))
  const all = [...wrong, ...unnamed]
  const detail =
    all.length === 0
      ? `${manifest.files.length} are as the manifest says; ${others}`
      : `${all.length} are not`
  return [{ name: 'files', ok: all.length === 0, detail }, ...all]
}

/** Files that are booted, by their paths in the guest: the kernel and its command line are files, too. */
function contentOf(eif: Eif): { files: Map<string, Uint8Array>; others: string } {
  const entries = [...unpackRamdisks(eif.ramdisks).values()]
  const files = new Map(entries.filter(({ type }) => type === 'file').map(({ path, data }) => [path, data]))
  for (const [path, bytes] of [
    ['boot/vmlinuz', eif.kernel],
    ['boot/cmdline', utf8(eif.cmdline)],
  ] as const) {
    if (files.has(path)) throw new Error(`${path} is in a ramdisk, too`)
    files.set(path, bytes)
  }
  const count = (wanted: string): number => entries.filter(({ type }) => type === wanted).length
  return {
    files,
    others: `beside them ${count('folder')} folders, ${count('link')} links, ${count('device')} devices`,
  }
}

function attempt<T>(name: string, run: () => T): { check: Check; value?: T } {
  try {
    const value = run()
    return { check: { name, ok: true, detail: typeof value === 'string' ? value : 'it can be read' }, value }
  } catch (error) {
    return { check: failed(name, error instanceof Error ? messageOf(error) : String(error)) }
  }
}

/** Why a file is none stands in what caused the command line's own error. */
function messageOf(error: Error): string {
  return 'why' in error && typeof error.why === 'string' ? `${error.message}: ${error.why}` : error.message
}

function failed(name: string, detail: string): Check {
  return { name, ok: false, detail }
}
