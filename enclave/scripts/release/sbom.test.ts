import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Manifest, manifestHash } from '@nacre/verify'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../build.ts'
import { IMAGES } from '../images.ts'
import { sbomOf } from './contents.ts'
import type { DebianPackage } from './debian.ts'
import { type NpmPackage, packagesOf } from './npmPackages.ts'
import { encodeSbom, type SbomParts } from './sbom.ts'

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))
const SHA256 = 'ba'.repeat(32)
const register = `0x${'01'.repeat(48)}` as const
const manifest: Manifest = {
  version: 2,
  name: 'nacre-onnx',
  engine: 'onnxruntime-node@1.30.0/cpu',
  files: [
    { path: 'init', sha256: `0x${SHA256}`, size: 4 },
    { path: 'boot/vmlinuz', sha256: `0x${'cd'.repeat(32)}`, size: 6 },
  ],
  measurements: [{ kind: 'nitro', registers: [register, register, register] }],
}
const debian: DebianPackage[] = [
  {
    name: 'libstdc++6',
    version: '12.2.0-14+deb12u1',
    sha256: SHA256,
    size: 1,
    path: 'pool/main/g/gcc-12/x.deb',
  },
  {
    name: 'linux-image-6.12.95+deb12-cloud-amd64',
    version: '6.12.95-1~bpo12+1',
    sha256: SHA256,
    size: 1,
    path: 'pool/y.deb',
  },
]
const workspaces = [{ name: '@nacre/enclave', version: '0.1.0', licence: 'Apache-2.0' }]

type Component = Record<string, unknown> & { name: string; 'bom-ref': string; purl?: string }

describe('of the image onnx', () => {
  let files: string[]
  let npm: NpmPackage[]
  let parts: SbomParts
  let document: Record<string, unknown> & { components: Component[] }
  beforeAll(async () => {
    const { metafile } = await bundle(IMAGES.onnx)
    const natives = Object.values(await IMAGES.onnx.natives())
    files = [...Object.keys(Object.values(metafile.outputs)[0]!.inputs), ...natives]
    npm = await packagesOf(files)
    parts = { manifest, npm, debian, workspaces }
    document = JSON.parse(Buffer.from(encodeSbom(parts)).toString())
  })
  const component = (name: string) => document.components.find(found => found.name === name)

  test('every package that is bundled or shipped is in it, by the digest of the lock file', async () => {
    const names = npm.map(({ name }) => name).sort()
    for (const name of [
      '@noble/curves',
      '@noble/hashes',
      'hash-wasm',
      'onnxruntime-common',
      'onnxruntime-node',
      'tiny-secp256k1',
    ])
      expect(names).toContain(name)
    const node = await realpath(process.execPath)
    const ofNpm = node.includes('node_modules/node-linux-')
    expect(names.some(name => name.startsWith('node-linux-'))).toBe(ofNpm)
    expect(component('curves')).toMatchObject({
      group: '@noble',
      type: 'library',
      purl: expect.stringMatching(/^pkg:npm\/%40noble\/curves@\d/),
      hashes: [{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
      licenses: [{ license: { id: 'MIT' } }],
    })
  })

  test('Debian’s packages, our own and every file are in it', () => {
    expect(component('libstdc++6')).toMatchObject({
      purl: 'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=bookworm',
      hashes: [{ alg: 'SHA-256', content: SHA256 }],
      externalReferences: [{ url: 'http://deb.debian.org/debian/pool/main/g/gcc-12/x.deb' }],
    })
    expect(component('linux-image-6.12.95+deb12-cloud-amd64')).toMatchObject({ type: 'operating-system' })
    expect(component('enclave')).toMatchObject({
      group: '@nacre',
      licenses: [{ license: { id: 'Apache-2.0' } }],
    })
    expect(component('init')).toMatchObject({ type: 'file', hashes: [{ alg: 'SHA-256', content: SHA256 }] })
    expect(component('boot/vmlinuz')).toMatchObject({ type: 'file' })
  })

  test('it has what CycloneDX 1.6 requires, names each thing once, and nothing of its time or place', () => {
    expect(document).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      serialNumber: expect.stringMatching(
        /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      metadata: { component: { 'bom-ref': `nacre:release:${manifestHash(manifest)}`, name: 'nacre-onnx' } },
    })
    expect(document.metadata).not.toHaveProperty('timestamp')
    for (const { type, name } of document.components)
      expect([typeof type, typeof name]).toEqual(['string', 'string'])
    const refs = document.components.map(found => found['bom-ref'])
    expect(refs).toEqual([...new Set(refs)].sort())
    expect(document.dependencies).toEqual([
      { ref: `nacre:release:${manifestHash(manifest)}`, dependsOn: refs },
    ])
    expect(JSON.stringify(document)).not.toContain(REPOSITORY)
  })

  test('the same release has the same bytes, in whatever order its parts come; another has another number', async () => {
    const bytes = encodeSbom(parts)
    const turned = { ...parts, npm: [...npm].reverse(), debian: [...debian].reverse() }
    expect(encodeSbom(turned)).toEqual(bytes)
    expect(encodeSbom({ ...parts, npm: await packagesOf([...files].reverse()) })).toEqual(bytes)
    const other = JSON.parse(
      Buffer.from(encodeSbom({ ...parts, manifest: { ...manifest, name: 'other' } })).toString(),
    )
    expect(other.serialNumber).not.toBe(document.serialNumber)
  })
})

test('of a kind of image it is made of the bundle, the natives and what else is shipped', async () => {
  const shipped = [join(REPOSITORY, 'node_modules/esbuild/package.json')]
  const text = Buffer.from(await sbomOf({ kind: IMAGES.attestation, manifest, debian, shipped })).toString()
  for (const name of ['tiny-secp256k1', 'hash-wasm', 'pkg:npm/esbuild@', 'nacre:workspace:@nacre/verify'])
    expect(text).toContain(name)
  // In another image.
  for (const absent of ['pkg:npm/onnxruntime', 'nacre:workspace:@nacre/proofs'])
    expect(text).not.toContain(absent)
  const zk = Buffer.from(await sbomOf({ kind: IMAGES.zk, manifest, debian, shipped })).toString()
  expect(zk).toContain('nacre:workspace:@nacre/proofs')
})

const one = (licence: string): NpmPackage => ({
  name: 'a',
  version: '1.0.0',
  integrity: `sha512-${'A'.repeat(86)}==`,
  licence,
})
const licencesOf = (licence: string) =>
  JSON.parse(
    Buffer.from(encodeSbom({ manifest, npm: [one(licence)], debian: [], workspaces: [] })).toString(),
  ).components.find(({ name }: Component) => name === 'a').licenses

test('licences are ids, expressions or texts', () => {
  expect(licencesOf('BSD-3-Clause')).toEqual([{ license: { id: 'BSD-3-Clause' } }])
  expect(licencesOf('(MIT OR Apache-2.0)')).toEqual([{ expression: '(MIT OR Apache-2.0)' }])
  expect(licencesOf('SEE LICENSE IN LICENSE.txt')).toEqual([
    { license: { name: 'SEE LICENSE IN LICENSE.txt' } },
  ])
})

test('what has no digest, or comes twice, is refused', async () => {
  const npm = [{ ...one('MIT'), integrity: 'sha1-x' }]
  expect(() => encodeSbom({ manifest, npm, debian: [], workspaces: [] })).toThrow('no SHA-512')
  expect(() => encodeSbom({ manifest, npm: [one('MIT'), one('MIT')], debian: [], workspaces: [] })).toThrow(
    'twice',
  )
  await expect(packagesOf(['node_modules/not-installed/x.js'])).rejects.toThrow('npm ci')
  expect(await packagesOf(['enclave/src/main.ts', '/usr/bin/node'])).toEqual([])
})
