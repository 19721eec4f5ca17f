import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  type Check,
  type CpioEntry,
  type Eif,
  manifestHash,
  measureEif,
  type ReleaseManifest,
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

/**
 * The image's registers are the manifest's, and the only ones of Nitro there: evidence of any other image that it named
 * would pass for this release's, and nobody could look into it. What other machines measure no file tells.
 */
function checkMeasurement({ measurements }: ReleaseManifest, eif: Eif): Check {
  const { pcr0, pcr1, pcr2 } = measureEif(eif, { hashes: nodeHashes })
  const registers = [pcr0, pcr1, pcr2].map(toHex).join(' ')
  const named = measurements.filter(({ kind }) => kind === 'nitro').map(one => one.registers.join(' '))
  const name = 'measurement'
  if (!named.includes(registers)) return failed(name, `the manifest names no PCR 0 ${toHex(pcr0)}`)
  if (named.length > 1) return failed(name, `the manifest names ${named.length - 1} of other images, too`)
  const others = measurements.length - 1
  const more = others === 0 ? '' : `; ${others} of other machines, which no file tells, are not looked at`
  return { name, ok: true, detail: `PCR 0, 1 and 2 are the manifest’s${more}` }
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

/** One check for all that is in the ramdisks, and one for each file or folder that is not as it should be. */
function checkContent(manifest: ReleaseManifest, eif: Eif): Check[] {
  const content = attempt('ramdisks', () => contentOf(eif))
  if (content.value === undefined) return [content.check]
  const { files, folders, odd } = content.value
  const wrong = manifest.files.flatMap(file => {
    const bytes = files.get(file.path)
    files.delete(file.path)
    if (bytes && isFile(bytes, file)) return []
    return [failed(file.path, bytes ? 'not the file that the manifest names' : 'it is not in the image')]
  })
  const unnamed = [...files.keys()].map(path => failed(path, 'the manifest does not name it'))
  const all = [...wrong, ...unnamed, ...odd]
  const detail =
    all.length === 0
      ? `${manifest.files.length} are as the manifest says, in ${folders} folders; nothing else is there`
      : `${all.length} are not`
  return [{ name: 'files', ok: all.length === 0, detail }, ...all]
}

type Content = { files: Map<string, Uint8Array>; folders: number; odd: Check[] }

/** Files that are booted, by their paths in the guest: the kernel and its command line are files, too. */
function contentOf(eif: Eif): Content {
  const entries = [...unpackRamdisks(eif.ramdisks).values()]
  const files = new Map(entries.filter(({ type }) => type === 'file').map(({ path, data }) => [path, data]))
  for (const [path, bytes] of [
    ['boot/vmlinuz', eif.kernel],
    ['boot/cmdline', utf8(eif.cmdline)],
  ] as const) {
    if (files.has(path)) throw new Error(`${path} is in a ramdisk, too`)
    files.set(path, bytes)
  }
  const odd = entries.flatMap(entry => {
    const why = oddityOf(entry)
    return why === undefined ? [] : [failed(entry.path, why)]
  })
  return { files, folders: entries.filter(({ type }) => type === 'folder').length, odd }
}

/** What a manifest cannot say, and builds never write. */
function oddityOf({ type, mode, user, group }: CpioEntry): string | undefined {
  if (type !== 'file' && type !== 'folder') return `a ${type}, which no manifest names`
  if (user !== 0 || group !== 0) return `it is of user ${user} and group ${group}, not of root`
  const usual = type === 'folder' ? [0o755] : [0o644, 0o755]
  return usual.includes(mode) ? undefined : `its mode is 0${mode.toString(8)}`
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
