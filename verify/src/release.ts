import { abiEncode } from './abi.ts'
import { equalBytes, fromHex, fromUtf8, type Hex, utf8 } from './bytes.ts'
import { NacreError } from './errors.ts'
import { keccak256, sha256, sha384 } from './hash.ts'
import { checkRegisters, invalidManifest, type Measurement, TEE_KIND, type TeeKind } from './measurement.ts'
import {
  arrayOf,
  hexOf,
  integerOf,
  objectOf,
  oneOf,
  type Parser,
  parseJson,
  textOf,
  versionOf,
} from './shape.ts'

/** Every shipped byte of an image that runs as a process: paths relative to its folder, sizes in bytes. */
export type FolderManifest = { version: 1; name: string; engine: string; files: ManifestFile[] }
export type ManifestFile = { path: string; sha256: Hex; size: number }

/** Every byte that a virtual machine boots, by its path in the guest, and what the hardware measures of it. */
export type ReleaseManifest = Omit<FolderManifest, 'version'> & {
  version: 2
  measurements: ReleaseMeasurement[]
}
/** Registers in hex, as a `Measurement` has them. */
export type ReleaseMeasurement = { kind: ReleaseKind; registers: Hex[] }
export type ReleaseKind = Exclude<TeeKind, 'simulated'>

export type Manifest = FolderManifest | ReleaseManifest

export const MAX_MANIFEST: number = 2 ** 20

const fields = {
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
}
const measurementShape = objectOf<ReleaseMeasurement>({
  kind: oneOf('nitro', 'tdx', 'snp', 'sgx'),
  registers: arrayOf(hexOf({ max: 48 }), 5),
})
const releaseShape = objectOf<ReleaseManifest>({
  ...fields,
  version: versionOf(2),
  measurements: arrayOf(measurementShape, 64),
})
const folderShape = objectOf<FolderManifest>({ ...fields, version: versionOf(1) })

/** By version, which is looked at first: what another one has, this build does not know. */
const manifestShape: Parser<Manifest> = (value, path) => {
  const version = (value as { version?: unknown } | null | undefined)?.version
  if (version !== undefined) versionOf(1, 2)(version, `${path}.version`)
  return version === 2 ? checkRelease(releaseShape(value, path)) : folderShape(value, path)
}

/**
 * Canonical JSON (RFC 8785: sorted keys, no white space), files sorted by path, measurements by kind and registers.
 * @throws NacreError as parseManifest
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { version, name, engine, files, ...rest } = parseManifest(manifest)
  const sorted = files
    .map(({ path, sha256, size }) => ({ path, sha256, size }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  const common = { engine, files: sorted }
  if (!('measurements' in rest)) return utf8(JSON.stringify({ ...common, name, version }))
  const measurements = rest.measurements
    .map(({ kind, registers }) => ({ kind, registers }))
    .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  return utf8(JSON.stringify({ ...common, measurements, name, version }))
}

/**
 * A manifest from its canonical bytes, or from a JSON value, whose files and measurements may come in any order.
 * @throws NacreError too-large, invalid-text, invalid-json, wrong-type, missing-field, unknown-field,
 * unsupported-version, invalid-manifest (not canonical, no file, a path that is repeated or leaves the folder; of
 * version 2 also a name that is no file's, no measurement, one twice, or registers that are not those of its kind)
 */
export function parseManifest(source: Uint8Array | unknown): Manifest {
  if (source instanceof Uint8Array) return parseManifestBytes(source)
  const manifest = manifestShape(source, 'manifest')
  const paths = new Set(manifest.files.map(file => file.path))
  if (paths.size === 0) throw invalidManifest('it lists no file')
  if (paths.size !== manifest.files.length) throw invalidManifest('a path occurs twice')
  for (const path of paths)
    if (!isRelative(path)) throw invalidManifest(`path ${JSON.stringify(path)} leaves the folder`)
  return manifest
}

export function manifestHash(manifest: Manifest): Hex {
  return sha256(encodeManifest(manifest))
}

/** @throws NacreError invalid-hex */
export function releaseId(publisher: Hex, manifestHash: Hex): Hex {
  return keccak256(abiEncode(['address', publisher], ['bytes32', manifestHash]))
}

/** What the simulated security module measures of an image folder: PCR 0, 1 and 2 are SHA-384 of the manifest. */
export function simulatedMeasurement(manifest: Manifest): Measurement {
  const digest = sha384(encodeManifest(manifest))
  return { kind: 'simulated', registers: [digest, digest, digest] }
}

/**
 * Every measurement that evidence of this release may have. A folder's is simulated; a release's are those that its
 * manifest names, and those of Nitro also as simulated ones: the simulated security module of a virtual machine
 * measures what is booted as Nitro does.
 * @throws NacreError as parseManifest
 */
export function measurementsOf(manifest: Manifest): Measurement[] {
  const parsed = parseManifest(manifest)
  if (parsed.version === 1) return [simulatedMeasurement(parsed)]
  return parsed.measurements.flatMap(named => {
    const measurement = toMeasurement(named)
    const simulated: Measurement = { ...measurement, kind: 'simulated' }
    return named.kind === 'nitro' ? [measurement, simulated] : [measurement]
  })
}

/** What shapes cannot say of a release: see parseManifest. */
function checkRelease(manifest: ReleaseManifest): ReleaseManifest {
  const { name, measurements } = manifest
  // Files of a release are named by it.
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(name)) throw invalidManifest(`${JSON.stringify(name)} names no file`)
  if (measurements.length === 0) throw invalidManifest('it has no measurement')
  if (new Set(measurements.map(orderOf)).size !== measurements.length)
    throw invalidManifest('a measurement occurs twice')
  for (const { kind, registers } of measurements.map(toMeasurement)) {
    checkRegisters(kind, registers)
    // What a debug enclave has in the place of PCR 0, 1 and 2; nothing hashes to it.
    if (kind === 'nitro' && registers.some(register => register.every(byte => byte === 0)))
      throw invalidManifest('a register of nitro is zero, as of a debug enclave')
  }
  return manifest
}

function toMeasurement({ kind, registers }: ReleaseMeasurement): Measurement {
  return { kind, registers: registers.map(register => fromHex(register)) }
}

function orderOf({ kind, registers }: ReleaseMeasurement): string {
  return [TEE_KIND[kind], ...registers].join(' ')
}

function parseManifestBytes(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST)
    throw new NacreError('too-large', `manifest is longer than ${MAX_MANIFEST} bytes`)
  const manifest = parseManifest(parseJson(fromUtf8(bytes), MAX_MANIFEST, 'manifest'))
  if (!equalBytes(encodeManifest(manifest), bytes)) throw invalidManifest('its bytes are not canonical')
  return manifest
}

function isRelative(path: string): boolean {
  return !/[\\\0]/.test(path) && path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}
