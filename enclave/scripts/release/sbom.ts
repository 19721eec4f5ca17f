import { type Hex, type Manifest, manifestHash } from '@nacre/verify'
import type { DebianPackage } from './debian.ts'
import type { NpmPackage } from './npmPackages.ts'

/** A part of this repository. */
export type Workspace = { name: string; version: string; licence: string }

export type SbomParts = {
  /** Its files are listed one by one. */
  manifest: Manifest
  /** In the bundles, and shipped beside them: Node too. */
  npm: readonly NpmPackage[]
  debian: readonly DebianPackage[]
  workspaces: readonly Workspace[]
}

type Component = {
  type: 'application' | 'library' | 'file' | 'operating-system' | 'platform'
  'bom-ref': string
  group?: string
  name: string
  version?: string
  hashes?: { alg: 'SHA-256' | 'SHA-512'; content: string }[]
  licenses?: { license: { id: string } | { name: string } }[] | { expression: string }[]
  purl?: string
  externalReferences?: { type: 'distribution'; url: string }[]
  properties?: { name: string; value: string }[]
}

const DEBIAN = 'http://deb.debian.org/debian/'

/**
 * What is in a release, as CycloneDX 1.6: every package and every file by its digest. No time and nothing random in it,
 * so that the same release has the same bytes; the serial number is the manifest's hash.
 */
export function encodeSbom(parts: SbomParts): Uint8Array {
  const hash = manifestHash(parts.manifest)
  const release = releaseOf(parts.manifest, hash)
  const components = [
    ...parts.workspaces.map(ofWorkspace),
    ...parts.npm.map(ofNpm),
    ...parts.debian.map(ofDebian),
    ...parts.manifest.files.map(({ path, sha256 }) => ofFile(path, sha256)),
  ].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1))
  const refs = components.map(component => component['bom-ref'])
  if (new Set(refs).size !== refs.length) throw new Error('a package or file is named twice')
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(hash)}`,
    version: 1,
    metadata: { lifecycles: [{ phase: 'build' }], component: release },
    components,
    dependencies: [{ ref: release['bom-ref'], dependsOn: refs }],
  }
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
}

function releaseOf({ name, engine }: Manifest, hash: Hex): Component {
  return {
    type: 'application',
    'bom-ref': `nacre:release:${hash}`,
    name,
    // What is inside is what counts: a release has no other version.
    version: hash,
    properties: [{ name: 'nacre:engine', value: engine }],
  }
}

function ofWorkspace({ name, version, licence }: Workspace): Component {
  return {
    type: 'library',
    'bom-ref': `nacre:workspace:${name}`,
    ...named(name),
    version,
    licenses: licencesOf(licence),
  }
}

function ofNpm({ name, version, integrity, licence }: NpmPackage): Component {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  return {
    type: name.startsWith('node-linux-') ? 'platform' : 'library',
    'bom-ref': purl,
    ...named(name),
    version,
    hashes: [{ alg: 'SHA-512', content: digestOf(integrity) }],
    ...(licence !== undefined && { licenses: licencesOf(licence) }),
    purl,
  }
}

/** The kernel and the C library. Debian's licences are in the packages, by file. */
function ofDebian({ name, version, sha256, path }: DebianPackage): Component {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=amd64&distro=bookworm`
  return {
    type: name.startsWith('linux-image-') ? 'operating-system' : 'library',
    'bom-ref': purl,
    name,
    version,
    hashes: [{ alg: 'SHA-256', content: sha256 }],
    purl,
    externalReferences: [{ type: 'distribution', url: DEBIAN + path }],
  }
}

/** A file of the guest by its path there. */
function ofFile(path: string, sha256: Hex): Component {
  const hashes: Component['hashes'] = [{ alg: 'SHA-256', content: sha256.slice(2) }]
  return { type: 'file', 'bom-ref': `nacre:file:${path}`, name: path, hashes }
}

function named(full: string): { group?: string; name: string } {
  const [group, name] = full.split('/')
  return name === undefined ? { name: full } : { group: group as string, name }
}

/** An SPDX id, an expression of several, or any other text (`SEE LICENSE IN …`). */
function licencesOf(licence: string): NonNullable<Component['licenses']> {
  if (/^[A-Za-z0-9.+-]+$/.test(licence)) return [{ license: { id: licence } }]
  if (/^\(?[A-Za-z0-9.+-]+( (OR|AND|WITH) [A-Za-z0-9.+-]+)*\)?$/.test(licence))
    return [{ expression: licence }]
  return [{ license: { name: licence } }]
}

/** `sha512-` and base64, as lock files have it (Subresource Integrity), in hex. */
function digestOf(integrity: string): string {
  const [, base64] = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity) ?? []
  if (base64 === undefined) throw new Error(`${integrity.slice(0, 64)} is no SHA-512`)
  return Buffer.from(base64, 'base64').toString('hex')
}

/** A UUID of version 8 (RFC 9562, section 5.8): the first bytes of a hash. */
function uuidOf(hash: Hex): string {
  const bytes = Buffer.from(hash.slice(2, 34), 'hex')
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
