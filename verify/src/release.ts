import { abiEncode } from './abi.ts'
import { concat, equalBytes, fromUtf8, type Hex, toHex, utf8 } from './bytes.ts'
import { NacreError } from './errors.ts'
import { keccak256, sha256, sha384 } from './hash.ts'
import { arrayOf, hexOf, integerOf, objectOf, parseJson, textOf, versionOf } from './shape.ts'

/** Every shipped byte of an enclave image: paths relative to its folder, sizes in bytes. */
export type Manifest = { version: 1; name: string; engine: string; files: ManifestFile[] }
export type ManifestFile = { path: string; sha256: Hex; size: number }

export const TEE_KIND = { simulated: 1, nitro: 2, tdx: 3, snp: 4, sgx: 5 } as const
export const ASSURANCE = { simulated: 1, tee: 2, zk: 3, quorum: 4, fhe: 5 } as const
export type TeeKind = keyof typeof TEE_KIND
export type Assurance = keyof typeof ASSURANCE

/** What the hardware measured: PCR 0, 1 and 2, 48 bytes each. */
export type Measurement = { kind: TeeKind; registers: Uint8Array[] }

export const MAX_MANIFEST: number = 2 ** 20

const manifestShape = objectOf<Manifest>({
  version: versionOf(1),
  name: textOf(64),
  engine: textOf(128),
  files: arrayOf(
    objectOf<ManifestFile>({
      path: textOf(256),
      sha256: hexOf(32),
      size: integerOf(0, Number.MAX_SAFE_INTEGER),
    }),
    4096,
  ),
})

/**
 * Canonical JSON (RFC 8785: sorted keys, no white space), files sorted by path.
 * @throws NacreError as parseManifest
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { version, name, engine, files } = parseManifest(manifest)
  const sorted = files
    .map(({ path, sha256, size }) => ({ path, sha256, size }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  return utf8(JSON.stringify({ engine, files: sorted, name, version }))
}

/**
 * A manifest from its canonical bytes, or from a JSON value, whose files may come in any order.
 * @throws NacreError too-large, invalid-text, invalid-json, wrong-type, missing-field, unknown-field,
 * unsupported-version, invalid-manifest (not canonical, no file, a path that is repeated or leaves the folder)
 */
export function parseManifest(source: Uint8Array | unknown): Manifest {
  if (source instanceof Uint8Array) return parseManifestBytes(source)
  const manifest = manifestShape(source, 'manifest')
  const paths = new Set(manifest.files.map(file => file.path))
  if (paths.size === 0) throw invalid('it lists no file')
  if (paths.size !== manifest.files.length) throw invalid('a path occurs twice')
  for (const path of paths)
    if (!isRelative(path)) throw invalid(`path ${JSON.stringify(path)} leaves the folder`)
  return manifest
}

export function manifestHash(manifest: Manifest): Hex {
  return sha256(encodeManifest(manifest))
}

/** @throws NacreError invalid-hex */
export function releaseId(publisher: Hex, manifestHash: Hex): Hex {
  return keccak256(abiEncode(['address', publisher], ['bytes32', manifestHash]))
}

/** What the simulated security module measures: PCR 0, 1 and 2 are SHA-384 of the manifest. */
export function simulatedMeasurement(manifest: Manifest): Measurement {
  const digest = sha384(encodeManifest(manifest))
  return { kind: 'simulated', registers: [digest, digest, digest] }
}

/** Digest that `Releases` lists. @throws NacreError invalid-manifest unless there are three registers of 48 bytes */
export function measurementDigest(measurement: Measurement): Hex {
  const { kind, registers } = measurement
  if (registers.length !== 3 || registers.some(register => register.length !== 48)) {
    throw invalid('a measurement is three registers of 48 bytes')
  }
  return sha256(concat(Uint8Array.of(TEE_KIND[kind]), ...registers))
}

/** Whether two measurements are of the same kind and equal. */
export function sameMeasurement(a: Measurement, b: Measurement): boolean {
  return a.kind === b.kind && toHex(concat(...a.registers)) === toHex(concat(...b.registers))
}

function parseManifestBytes(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST)
    throw new NacreError('too-large', `manifest is longer than ${MAX_MANIFEST} bytes`)
  const manifest = parseManifest(parseJson(fromUtf8(bytes), MAX_MANIFEST, 'manifest'))
  if (!equalBytes(encodeManifest(manifest), bytes)) throw invalid('its bytes are not canonical')
  return manifest
}

function isRelative(path: string): boolean {
  return !/[\\\0]/.test(path) && path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-manifest', `not a manifest: ${reason}`)
}
