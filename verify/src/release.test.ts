import { expect, test } from 'vitest'
import { manifest } from '../../test/mock-authority/index.ts'
import {
  encodeManifest,
  fromUtf8,
  type Hex,
  type Manifest,
  type Measurement,
  manifestHash,
  measurementDigest,
  measurementsOf,
  parseManifest,
  type ReleaseManifest,
  type ReleaseMeasurement,
  simulatedMeasurement,
  toHex,
  utf8,
} from './index.ts'

const file = manifest.files[0] as Manifest['files'][0]
const code = (code: string): unknown => expect.objectContaining({ code })

test('canonical bytes: sorted keys, sorted files, no white space; one release has one encoding', () => {
  const reversed = { ...manifest, files: [...manifest.files].reverse() }
  const bytes = encodeManifest(reversed)
  expect(bytes).toEqual(encodeManifest(manifest))
  expect(fromUtf8(bytes)).toMatch(/^\{"engine":"[^"]+","files":\[\{"path":"app[^}]+\},\{"path":"bin/)
  expect(parseManifest(bytes)).toEqual(manifest)
})

test('bytes that are not canonical are refused', () => {
  const text = fromUtf8(encodeManifest(manifest))
  for (const other of [`${text}\n`, text.replace(':', ': '), JSON.stringify(manifest)]) {
    expect(() => parseManifest(utf8(other))).toThrow(code('invalid-manifest'))
  }
  expect(() => parseManifest(utf8('{'))).toThrow(code('invalid-json'))
  expect(() => parseManifest(Uint8Array.of(0xff))).toThrow(code('invalid-text'))
  expect(() => parseManifest(new Uint8Array(2 ** 20 + 1))).toThrow(code('too-large'))
})

test.each(['../a', '/a', 'a//b', 'a/./b', 'a/..', 'a\\b', 'a\0'])('path %j leaves the folder', path => {
  expect(() => parseManifest({ ...manifest, files: [{ ...file, path }] })).toThrow(code('invalid-manifest'))
})

test('no files, and repeated ones, are refused', () => {
  expect(() => parseManifest({ ...manifest, files: [] })).toThrow(code('invalid-manifest'))
  expect(() => parseManifest({ ...manifest, files: [file, file] })).toThrow(code('invalid-manifest'))
})

test('the digest depends on the kind and on every register', () => {
  const measurement = simulatedMeasurement(manifest)
  const [register] = measurement.registers as [Uint8Array]
  const other = new Uint8Array(48)
  const variants: Measurement[] = [
    measurement,
    { ...measurement, kind: 'nitro' },
    ...[0, 1, 2].map(i => ({ ...measurement, registers: [0, 1, 2].map(j => (i === j ? other : register)) })),
  ]
  expect(new Set(variants.map(measurementDigest)).size).toBe(5)
  const one: Measurement = { kind: 'snp', registers: [register] }
  expect(measurementDigest(one)).not.toBe(
    measurementDigest({ kind: 'tdx', registers: Array(5).fill(register) }),
  )
  const short = { ...measurement, registers: [register, register] }
  expect(() => measurementDigest(short)).toThrow(code('invalid-manifest'))
})

const pcr = (byte: string): Hex => `0x${byte.repeat(48)}`
const nitro: ReleaseMeasurement = { kind: 'nitro', registers: [pcr('01'), pcr('02'), pcr('03')] }
const snp: ReleaseMeasurement = { kind: 'snp', registers: [pcr('04')] }
const release: ReleaseManifest = { ...manifest, name: 'a-release', version: 2, measurements: [nitro, snp] }

test('a release has one encoding, whatever the order of its measurements, and it binds them', () => {
  const bytes = encodeManifest({ ...release, measurements: [snp, nitro] })
  expect(bytes).toEqual(encodeManifest(release))
  expect(parseManifest(bytes)).toEqual(release)
  expect(manifestHash({ ...release, measurements: [nitro] })).not.toBe(manifestHash(release))
})

test('a release is measured as its manifest says, on Nitro and by what stands for it', () => {
  const [real, simulated, other, ...rest] = measurementsOf(release)
  expect(rest).toEqual([])
  expect([real?.kind, simulated?.kind, other?.kind]).toEqual(['nitro', 'simulated', 'snp'])
  expect(simulated?.registers.map(toHex)).toEqual(nitro.registers)
  expect(real?.registers).toEqual(simulated?.registers)
})

test('a folder is measured as the simulated security module measures it, and as nothing else', () => {
  expect(measurementsOf(manifest)).toEqual([simulatedMeasurement(manifest)])
})

test.each(['', '.', '..', 'a/b', 'A', 'a b', '-a', 'a\u00e9'])('a release is no file named %j', name => {
  expect(() => parseManifest({ ...release, name })).toThrow()
})
