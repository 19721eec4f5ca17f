import { expect, test } from 'vitest'
import { manifest } from '../../test/mock-authority/index.ts'
import {
  encodeManifest,
  fromUtf8,
  type Manifest,
  type Measurement,
  measurementDigest,
  parseManifest,
  simulatedMeasurement,
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
  const short = { ...measurement, registers: [register, register] }
  expect(() => measurementDigest(short)).toThrow(code('invalid-manifest'))
})
