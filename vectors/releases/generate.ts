import {
  encodeManifest,
  fromUtf8,
  type Hex,
  type Manifest,
  manifestHash,
  measurementDigest,
  measurementsOf,
  type ReleaseManifest,
  releaseId,
  sha256,
  toHex,
  utf8,
} from '@nacre/verify'
import { manifest, publisher } from '../../test/mock-authority/index.ts'

const register = (byte: string, size = 48): Hex => `0x${byte.repeat(size)}`

const RELEASE: ReleaseManifest = {
  version: 2,
  name: 'vector-release',
  engine: 'onnxruntime-node@1.30.0/cpu',
  files: [
    { path: 'boot/cmdline', sha256: sha256(utf8('console=ttyS0')), size: 13 },
    { path: 'boot/vmlinuz', sha256: sha256(utf8('kernel')), size: 6 },
    { path: 'init.mjs', sha256: sha256(utf8('init')), size: 4 },
  ],
  measurements: [
    { kind: 'nitro', registers: [register('01'), register('02'), register('03')] },
    { kind: 'tdx', registers: ['11', '12', '13', '14', '00'].map(byte => register(byte)) },
    { kind: 'tdx', registers: ['11', '22', '13', '14', '00'].map(byte => register(byte)) },
    { kind: 'snp', registers: [register('31')] },
    { kind: 'sgx', registers: [register('41', 32)] },
  ],
}

const NITRO = RELEASE.measurements[0]!

/** Texts that are no manifest, and the code of the error. */
function invalid(): Record<string, { bytes: Hex; error: string }> {
  const text = fromUtf8(encodeManifest(RELEASE))
  const bad = (other: string, error = 'invalid-manifest') => ({ bytes: toHex(utf8(other)), error })
  const measured = (measurements: unknown, error?: string) => {
    const { engine, files, name, version } = RELEASE
    return bad(JSON.stringify({ engine, files, measurements, name, version }), error)
  }
  const registers = (kind: string, ...values: Hex[]) => measured([{ kind, registers: values }])
  return {
    'version-3': bad(text.replace('"version":2', '"version":3'), 'unsupported-version'),
    'version-1-with-measurements': bad(text.replace('"version":2', '"version":1'), 'unknown-field'),
    'without-measurements': bad(
      fromUtf8(encodeManifest(manifest)).replace('"version":1', '"version":2'),
      'missing-field',
    ),
    'no-measurement': measured([]),
    'measurement-twice': measured([NITRO, NITRO]),
    'measurements-falling': measured([...RELEASE.measurements].reverse()),
    'too-many-measurements': measured(
      Array.from({ length: 65 }, (_, i) => ({
        kind: 'snp',
        registers: [register(toHex(Uint8Array.of(i + 1)).slice(2))],
      })),
      'too-large',
    ),
    'kind-simulated': measured([{ ...NITRO, kind: 'simulated' }], 'wrong-type'),
    'kind-unknown': measured([{ ...NITRO, kind: 'cca' }], 'wrong-type'),
    'kind-prototype': measured([{ ...NITRO, kind: 'toString' }], 'wrong-type'),
    'measurement-unknown-field': measured([{ ...NITRO, shape: 1 }], 'unknown-field'),
    'nitro-two-registers': registers('nitro', register('01'), register('02')),
    'nitro-register-short': registers('nitro', register('01', 32), register('02'), register('03')),
    'nitro-register-zero': registers('nitro', register('01'), register('02'), register('00')),
    'tdx-four-registers': registers('tdx', register('11'), register('12'), register('13'), register('14')),
    'snp-two-registers': registers('snp', register('31'), register('32')),
    'sgx-register-long': registers('sgx', register('41')),
    'register-upper-case': measured([{ kind: 'snp', registers: [register('AB')] }], 'wrong-type'),
    'register-too-long': measured([{ kind: 'snp', registers: [register('31', 49)] }], 'too-large'),
    'six-registers': measured([{ kind: 'tdx', registers: Array(6).fill(register('11')) }], 'too-large'),
    'name-with-folder': bad(text.replace('vector-release', '../release')),
    'name-upper-case': bad(text.replace('vector-release', 'Vector')),
    'path-leaves': bad(text.replace('boot/cmdline', 'boot/../../x')),
    'no-files': bad(text.replace(/"files":\[[^\]]*\]/, '"files":[]')),
    'white-space': bad(text.replace(':', ': ')),
    'line-feed': bad(`${text}\n`),
  }
}

export function releaseVectors(): Record<string, unknown> {
  const valid = (of: Manifest) => ({
    manifest: of,
    bytes: toHex(encodeManifest(of)),
    manifestHash: manifestHash(of),
    publisher,
    releaseId: releaseId(publisher, manifestHash(of)),
    measurements: measurementsOf(of).map(measurement => ({
      kind: measurement.kind,
      registers: measurement.registers.map(toHex),
      digest: measurementDigest(measurement),
    })),
  })
  const others = Object.entries(invalid()).map(([name, value]) => [`releases/invalid-${name}.json`, value])
  return Object.fromEntries([
    ['releases/folder.json', valid(manifest)],
    ['releases/release.json', valid(RELEASE)],
    ...others,
  ])
}
