import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  encodeManifest,
  type Hex,
  type ManifestFile,
  manifestHash,
  measureEif,
  parseEif,
  type ReleaseManifest,
  toHex,
  utf8,
} from '@nacre/verify'
import {
  encodeCpio,
  encodeEif,
  FOLDER,
  MOCK_METADATA,
  type MockEntry,
  section,
} from './mock-authority/index.ts'

/** A release of a few bytes; everything can be another. */
export type ReleaseFields = {
  kernel: string
  cmdline: string
  platform: MockEntry[]
  application: MockEntry[]
  /** Changes the manifest that is written, and not what is built. */
  changeManifest: (manifest: ReleaseManifest) => ReleaseManifest
  name: string
}

const FILES: Pick<ReleaseFields, 'platform' | 'application'> = {
  platform: [
    { path: 'init.mjs', data: 'init' },
    { path: 'bin', mode: FOLDER },
    { path: 'bin/node', data: 'node' },
  ],
  application: [
    { path: 'image', mode: FOLDER },
    { path: 'image/app.mjs', data: 'app' },
  ],
}

/** Writes a release as a build does: manifest, image file, list of what is inside. */
export function writeRelease(dir: string, fields: Partial<ReleaseFields> = {}): ReleaseManifest {
  const { kernel = 'kernel', cmdline = 'console=ttyS0', name = 'nacre-mock', changeManifest = same } = fields
  const [platform, application] = [fields.platform ?? FILES.platform, fields.application ?? FILES.application]
  const metadata = JSON.stringify(MOCK_METADATA)
  const ramdisks = [platform, application].map(entries => section(3, encodeCpio(entries)))
  const eif = encodeEif({
    sections: [section(1, kernel), section(2, cmdline), section(5, metadata), ...ramdisks],
  })
  const { pcr0, pcr1, pcr2 } = measureEif(parseEif(eif))
  const isFile = ({ mode = 0o100644 }: MockEntry): boolean => mode >> 12 === 8
  const manifest = changeManifest({
    ...{ version: 2, name, engine: 'mock@1/cpu' },
    files: [
      fileOf('boot/vmlinuz', kernel),
      fileOf('boot/cmdline', cmdline),
      ...[...platform, ...application].filter(isFile).map(({ path, data = '' }) => fileOf(path, data)),
    ],
    measurements: [{ kind: 'nitro', registers: [pcr0, pcr1, pcr2].map(toHex) }],
  })
  const sbom = {
    bomFormat: 'CycloneDX',
    metadata: { component: { 'bom-ref': `nacre:release:${manifestHash(manifest)}` } },
  }
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'manifest.json'), encodeManifest(manifest))
  writeFileSync(join(dir, `${name}.eif`), eif)
  writeFileSync(join(dir, 'sbom.cdx.json'), JSON.stringify(sbom))
  return manifest
}

function fileOf(path: string, data: Uint8Array | string): ManifestFile {
  const bytes = typeof data === 'string' ? utf8(data) : data
  const sha256: Hex = `0x${createHash('sha256').update(bytes).digest('hex')}`
  return { path, sha256, size: bytes.length }
}

const same = <T>(value: T): T => value
