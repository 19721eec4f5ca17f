import { describe, expect, test } from 'vitest'
import { DEVICE, encodeCpio, FOLDER, LINK, type MockEntry } from '../../test/mock-authority/index.ts'
import { concat, NacreError, readCpio, unpackRamdisks, utf8 } from './index.ts'

const code = (code: string): unknown => expect.objectContaining({ code })
const entries: MockEntry[] = [
  { path: 'bin', mode: FOLDER, links: 2 },
  { path: 'bin/node', data: 'node', mode: 0o100755 },
  { path: 'bin/sh', data: 'node', mode: LINK },
  { path: 'console', mode: DEVICE },
  { path: 'empty', user: 5, group: 6 },
]
const root = { user: 0, group: 0 }
const archive = encodeCpio(entries)

test('entries come as they are, whatever pads the archive', () => {
  const read = readCpio(concat(archive, new Uint8Array(396)))
  expect(read).toEqual([
    { path: 'bin', type: 'folder', mode: 0o755, ...root, data: utf8('') },
    { path: 'bin/node', type: 'file', mode: 0o755, ...root, data: utf8('node') },
    { path: 'bin/sh', type: 'link', mode: 0o777, ...root, data: utf8('node') },
    { path: 'console', type: 'device', mode: 0o600, ...root, data: utf8('') },
    { path: 'empty', type: 'file', mode: 0o644, user: 5, group: 6, data: utf8('') },
  ])
  expect(readCpio(encodeCpio([]))).toEqual([])
})

describe('what auditors could not be sure of is refused', () => {
  const file: MockEntry = { path: 'a', data: 'a' }
  const cases: [string, Uint8Array, string?][] = [
    ['nothing', new Uint8Array(0)],
    ['compressed', Uint8Array.of(0x1f, 0x8b, 8, ...new Uint8Array(120))],
    ['no end', encodeCpio(entries, false)],
    ['something after the end', concat(archive, Uint8Array.of(0, 0, 0, 1))],
    ['a second archive', concat(archive, archive)],
    ['another magic number', encodeCpio([{ ...file, magic: '070702' }])],
    ['digits that are none', archive.map((byte, i) => (i === 20 ? 0x2b : byte))],
    ['a path twice', encodeCpio([file, file])],
    ['a path that leaves', encodeCpio([{ ...file, path: '../a' }])],
    ['an absolute path', encodeCpio([{ ...file, path: '/a' }])],
    ['a path with a dot', encodeCpio([{ ...file, path: './a' }])],
    ['a path without an end', encodeCpio([{ ...file, name: utf8('ab') }])],
    ['a path with a zero byte inside', encodeCpio([{ ...file, name: utf8('a\0b\0') }])],
    ['an empty path', encodeCpio([{ ...file, path: '' }])],
    ['a path without end', encodeCpio([{ ...file, path: 'a'.repeat(1024) }])],
    ['a path that is no text', encodeCpio([{ ...file, name: Uint8Array.of(0xff, 0) }]), 'invalid-text'],
    ['a hard link', encodeCpio([{ ...file, links: 2 }])],
    ['a device with another name', encodeCpio([{ path: 'a', mode: DEVICE, links: 2 }])],
    ['padding by less than four bytes', concat(archive, Uint8Array.of(0))],
    ['a block device', encodeCpio([{ path: 'a', mode: 0o060600 }])],
    ['a socket', encodeCpio([{ path: 'a', mode: 0o140600 }])],
    ['a type that is none', encodeCpio([{ path: 'a', mode: 0o644 }])],
    ['a folder with content', encodeCpio([{ path: 'a', mode: FOLDER, data: 'a' }])],
    ['an end with content', encodeCpio([{ path: 'TRAILER!!!', mode: 0, data: 'a' }], false)],
    ['padding that is not zero', encodeCpio([{ path: 'abc', data: 'a' }]).map((b, i) => (i === 114 ? 1 : b))],
    [
      'too many entries',
      encodeCpio(Array.from({ length: 16_385 }, (_, i) => ({ path: `${i}` }))),
      'too-large',
    ],
  ]
  test.each(cases)('%s', (_, bytes, expected = 'invalid-cpio') => {
    expect(() => readCpio(bytes)).toThrow(code(expected))
  })
})

test('cut short anywhere, or with any byte flipped, it is read or refused, and nothing else', () => {
  for (let length = 0; length < archive.length; length++)
    expect(() => readCpio(archive.subarray(0, length))).toThrow(NacreError)
  for (let at = 0; at < archive.length; at++) {
    try {
      readCpio(archive.map((byte, i) => (i === at ? byte ^ 0x41 : byte)))
    } catch (error) {
      expect(error).toBeInstanceOf(NacreError)
    }
  }
})

describe('ramdisks, one over the other', () => {
  test('make one tree; folders may come again', () => {
    const second = encodeCpio([
      { path: 'bin', mode: FOLDER },
      { path: 'bin/more', data: 'more' },
    ])
    expect([...unpackRamdisks([archive, second]).keys()]).toEqual([
      ...entries.map(({ path }) => path),
      'bin/more',
    ])
  })

  test('and a folder that comes again is what it is the last time, as the kernel makes it', () => {
    const open = encodeCpio([{ path: 'bin', mode: 0o040777, user: 65_532 }])
    expect(unpackRamdisks([archive, open]).get('bin')).toMatchObject({ mode: 0o777, user: 65_532 })
  })

  const refused: [string, MockEntry[]][] = [
    ['a file again', [{ path: 'empty', data: 'x' }]],
    ['a folder where a file is', [{ path: 'empty', mode: FOLDER }]],
    ['a file where a folder is', [{ path: 'bin' }]],
    ['a file in no folder', [{ path: 'lib/x' }]],
    ['a file in a file', [{ path: 'empty/x' }]],
    ['a file behind a link', [{ path: 'etc', data: 'bin', mode: LINK }, { path: 'etc/x' }]],
    ['a folder after what is in it', [{ path: 'lib/x' }, { path: 'lib', mode: FOLDER }]],
  ]
  test.each(refused)('%s is refused', (_, more) => {
    expect(() => unpackRamdisks([archive, encodeCpio(more)])).toThrow(code('invalid-cpio'))
  })
})
