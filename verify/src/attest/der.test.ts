import { expect, test } from 'vitest'
import { fromHex, type Hex, toHex, utf8 } from '../index.ts'
import { readAll, readBytes, readOne, readTime, readUnsigned, TAG } from './der.ts'

const refused = expect.objectContaining({ code: 'invalid-certificate' })
const long = (length: number): string => '00'.repeat(length)
const element = (tag: number, text: string) => readAll(Uint8Array.of(tag, text.length, ...utf8(text)))[0]
const seconds = (iso: string): bigint => BigInt(Date.parse(iso) / 1000)

test('elements at the ends of each form of length', () => {
  const forms: [Hex, number][] = [
    ['0x0400', 0],
    [`0x047f${long(127)}`, 127],
    [`0x048180${long(128)}`, 128],
    [`0x0481ff${long(255)}`, 255],
    [`0x04820100${long(256)}`, 256],
    [`0x0482ffff${long(65_535)}`, 65_535],
  ]
  for (const [der, length] of forms) expect(readOne(fromHex(der), TAG.octetString)).toHaveLength(length)
  expect(readAll(fromHex('0x04000500')).map(({ tag, bytes }) => [tag, toHex(bytes)])).toEqual([
    [4, '0x0400'],
    [5, '0x0500'],
  ])
  expect(readAll(new Uint8Array(0))).toEqual([])
})

const malformed: [string, Hex][] = [
  ['a tag alone', '0x04'],
  ['a content that is cut short', '0x040200'],
  ['a length that is cut short', '0x0482ff'],
  ['an indefinite length', '0x04800000'],
  ['a long form of a short length', `0x04817f${long(127)}`],
  ['two bytes of length for one', `0x048200ff${long(255)}`],
  ['three bytes of length', `0x0483010000${long(65_536)}`],
  ['a tag of several bytes', '0x1f8100'],
]
test.each(malformed)('%s is refused', (_, der) => expect(() => readAll(fromHex(der))).toThrow(refused))

test('one element of a tag is neither none, nor two, nor of another tag', () => {
  for (const der of ['0x', '0x04000400', '0x0500'] as const) {
    expect(() => readOne(fromHex(der), TAG.octetString)).toThrow(refused)
  }
})

test('integers are not negative, in their shortest form, and padded', () => {
  expect(toHex(readUnsigned(fromHex('0x00ff'), 2))).toBe('0x00ff')
  expect(toHex(readUnsigned(fromHex('0x00'), 1))).toBe('0x00')
  expect(toHex(readUnsigned(fromHex('0x00ffff'), 2))).toBe('0xffff')
  for (const content of ['0x', '0x80', '0x0001', '0x0000', '0x010000'] as const) {
    expect(() => readUnsigned(fromHex(content), 2), content).toThrow(refused)
  }
})

test('bit strings have whole bytes', () => {
  expect(toHex(readBytes(fromHex('0x00ff')))).toBe('0xff')
  for (const content of ['0x', '0x01fe'] as const) expect(() => readBytes(fromHex(content))).toThrow(refused)
})

test('times, in both forms and around the year where two digits turn over', () => {
  const { utcTime, generalizedTime } = TAG
  expect(readTime(element(utcTime, '491231235959Z'))).toBe(seconds('2049-12-31T23:59:59Z'))
  expect(readTime(element(utcTime, '500101000000Z'))).toBe(seconds('1950-01-01T00:00:00Z'))
  expect(readTime(element(generalizedTime, '20500101000000Z'))).toBe(seconds('2050-01-01T00:00:00Z'))
  expect(readTime(element(utcTime, '240229000000Z'))).toBe(seconds('2024-02-29T00:00:00Z'))
})

const times: [number, string][] = [
  [TAG.utcTime, '230229000000Z'],
  [TAG.utcTime, '240100000000Z'],
  [TAG.utcTime, '240101240000Z'],
  [TAG.utcTime, '240101000060Z'],
  [TAG.utcTime, '2401010000Z'],
  [TAG.utcTime, '240101000000+0100'],
  [TAG.generalizedTime, '20240101000000.5Z'],
  [TAG.generalizedTime, '240101000000Z'],
  [TAG.utf8String, '240101000000Z'],
]
test.each(times)('tag %i, %s is no time', (tag, text) => {
  expect(() => readTime(element(tag, text))).toThrow(refused)
  expect(() => readTime(undefined)).toThrow(refused)
})
