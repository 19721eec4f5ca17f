import { readCpio, unpackRamdisks } from '@nacre/verify'
import { expect, test } from 'vitest'
import { encodeRamdisk, type RamdiskFile } from './cpio.ts'

const files: RamdiskFile[] = [
  { path: 'init', content: Buffer.from('#!/bin/node\n'), executable: true },
  { path: 'lib/a/deep.so', content: Buffer.alloc(5, 1) },
  { path: 'lib/empty', content: Buffer.alloc(0) },
  { path: 'lib/größer', content: Buffer.from('x') },
]

test('what is packed is what is read', () => {
  const entries = readCpio(encodeRamdisk(files)).map(({ path, type, mode, data }) => ({
    ...{ path, type, mode: mode.toString(8) },
    size: data.length,
  }))
  expect(entries).toEqual([
    { path: 'init', type: 'file', mode: '755', size: 12 },
    { path: 'lib', type: 'folder', mode: '755', size: 0 },
    { path: 'lib/a', type: 'folder', mode: '755', size: 0 },
    { path: 'lib/a/deep.so', type: 'file', mode: '644', size: 5 },
    { path: 'lib/empty', type: 'file', mode: '644', size: 0 },
    { path: 'lib/größer', type: 'file', mode: '644', size: 1 },
  ])
  expect(Buffer.from(readCpio(encodeRamdisk(files))[0]!.data).toString()).toBe('#!/bin/node\n')
})

test('the same files are the same bytes, in whatever order they come', () => {
  const [bytes, again] = [encodeRamdisk(files), encodeRamdisk([...files].reverse())]
  expect(Buffer.from(bytes).equals(again)).toBe(true)
  expect(bytes.length % 4).toBe(0)
})

test('two ramdisks behind each other are one tree', () => {
  const other = encodeRamdisk([{ path: 'lib/b', content: Buffer.from('b') }])
  expect([...unpackRamdisks([encodeRamdisk(files), other]).keys()]).toContain('lib/b')
})

test('a path that comes twice is refused: what boots would be the last, what is listed the first', () => {
  const twice = [...files, { path: 'init', content: Buffer.from('other') }]
  expect(() => encodeRamdisk(twice)).toThrow('init is twice in')
  expect(() => encodeRamdisk([...files, { path: 'lib', content: Buffer.alloc(0) }])).toThrow(
    'lib is twice in',
  )
})
