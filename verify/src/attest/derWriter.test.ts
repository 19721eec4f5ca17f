import { expect, test } from 'vitest'
import { toHex } from '../index.ts'
import { readAll, readOne, readTime, readUnsigned, TAG } from './der.ts'
import { derWriter as der } from './derWriter.ts'

test('what is written is read back, at every length of a length', () => {
  for (const size of [0, 1, 127, 128, 255, 256, 65_535]) {
    const bytes = new Uint8Array(size).fill(7)
    expect(readOne(der.octetString(bytes), TAG.octetString)).toEqual(bytes)
  }
  const [first, second] = readAll(readOne(der.sequence(der.boolean(true), der.utf8String('é')), TAG.sequence))
  expect([toHex(first!.bytes), toHex(second!.bytes)]).toEqual(['0x0101ff', '0x0c02c3a9'])
})

test('integers in their shortest form, never negative', () => {
  const written = (...bytes: number[]) => toHex(der.integer(Uint8Array.from(bytes)))
  expect([written(0), written(0, 0, 1), written(0x80), written(0, 0xff)]).toEqual([
    '0x020100',
    '0x020101',
    '0x02020080',
    '0x020200ff',
  ])
  const content = readOne(der.integer(Uint8Array.of(0, 0x90, 1)), TAG.integer)
  expect(readUnsigned(content, 2)).toEqual(Uint8Array.of(0x90, 1))
})

test('object identifiers, bit strings, and times before and from 2050', () => {
  expect(toHex(der.oid('2.23.133.5.4.9'))).toBe('0x0606678105050409')
  expect(toHex(der.bitString(Uint8Array.of(0x80), 7))).toBe('0x03020780')
  for (const date of ['2049-12-31T23:59:59.000Z', '2050-01-01T00:00:00.000Z']) {
    const [element] = readAll(der.time(new Date(date)))
    expect(readTime(element)).toBe(BigInt(Date.parse(date) / 1000))
  }
})
