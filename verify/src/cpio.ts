import { fromUtf8 } from './bytes.ts'
import { NacreError } from './errors.ts'

/** An entry of a ramdisk: its path without a leading slash, its mode as Linux has it, and a file's bytes as a view. */
export type CpioEntry = {
  path: string
  type: 'file' | 'folder' | 'link' | 'device'
  /** Permissions, and set-user-id and the like: the lower twelve bits of the mode. */
  mode: number
  /** Whose it is, by numbers. */
  user: number
  group: number
  /** Of a file its content, of a link its target in UTF-8. */
  data: Uint8Array
}

/** Most entries of one archive, and most bytes of a path. */
export const MAX_CPIO_ENTRIES = 16_384
export const MAX_CPIO_PATH = 1024

const HEADER = 110
const MAGIC = '070701'
const END = 'TRAILER!!!'
const TYPES: ReadonlyMap<number, CpioEntry['type']> = new Map([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
  [0o020000, 'device'],
])

type Fields = { mode: number; user: number; group: number; links: number; size: number; nameSize: number }

/**
 * The entries of an uncompressed archive in the "newc" format (Linux, Documentation/driver-api/early-userspace/
 * buffer-format.rst), as the kernel unpacks it: one archive, padded with zeros to a multiple of four bytes, without which
 * the kernel would not find the one behind it. Hard links, block devices and sockets are refused, and so is what one path
 * says twice.
 * @throws NacreError too-large, invalid-text, invalid-cpio
 */
export function readCpio(bytes: Uint8Array): CpioEntry[] {
  if (bytes.length % 4 !== 0) throw invalid('its length is no multiple of four')
  const entries: CpioEntry[] = []
  const paths = new Set<string>()
  for (let offset = 0; ; ) {
    const { fields, path, data, end } = readEntry(bytes, offset)
    offset = end
    if (path === END) {
      if (fields.size !== 0) throw invalid('its end has content')
      if (bytes.subarray(offset).some(byte => byte !== 0)) throw invalid('something follows its end')
      return entries
    }
    if (entries.length >= MAX_CPIO_ENTRIES)
      throw new NacreError('too-large', `ramdisk of more than ${MAX_CPIO_ENTRIES} entries`)
    if (!isRelative(path)) throw invalid(`path ${JSON.stringify(path.slice(0, 64))} leaves its folder`)
    if (paths.has(path)) throw invalid(`path ${JSON.stringify(path.slice(0, 64))} occurs twice`)
    paths.add(path)
    entries.push(entryOf(path, fields, data))
  }
}

/**
 * What the kernel makes of ramdisks, one unpacked over the other, by path. Nothing may be ambiguous: a path means one
 * thing, folders aside, and what an entry lies in is a folder that came before it, not a link to elsewhere.
 * @throws NacreError too-large, invalid-text, invalid-cpio
 */
export function unpackRamdisks(ramdisks: readonly Uint8Array[]): Map<string, CpioEntry> {
  const tree = new Map<string, CpioEntry>()
  for (const entry of ramdisks.flatMap(readCpio)) {
    const { path, type } = entry
    const before = tree.get(path)
    if (before && (type !== 'folder' || before.type !== 'folder'))
      throw invalid(`path ${JSON.stringify(path.slice(0, 64))} is in two ramdisks`)
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    if (parent !== '' && tree.get(parent)?.type !== 'folder')
      throw invalid(`${JSON.stringify(path.slice(0, 64))} lies in no folder that came before it`)
    // A folder that comes again has the mode and the owner of the last time.
    tree.set(path, entry)
  }
  return tree
}

function entryOf(path: string, { links, size, ...fields }: Fields, data: Uint8Array): CpioEntry {
  const { mode, user, group } = fields
  const type = TYPES.get(mode - (mode & 0o7777))
  if (type === undefined) throw invalid(`${JSON.stringify(path)} is of unknown type 0${mode.toString(8)}`)
  if ((type === 'folder' || type === 'device') && size !== 0)
    throw invalid(`${JSON.stringify(path)} is a ${type} with content`)
  // Of hard links only the last one has the bytes, and devices may be linked too. Folders count what is in them.
  if (type !== 'folder' && links > 1) throw invalid(`${JSON.stringify(path)} is a hard link`)
  return { path, type, mode: mode & 0o7777, user, group, data }
}

function readEntry(
  bytes: Uint8Array,
  start: number,
): { fields: Fields; path: string; data: Uint8Array; end: number } {
  const fields = readFields(take(bytes, start, HEADER))
  const { nameSize, size } = fields
  if (nameSize < 2 || nameSize > MAX_CPIO_PATH) throw invalid(`a path of ${nameSize} bytes at ${start}`)
  const name = take(bytes, start + HEADER, nameSize)
  if (name.indexOf(0) !== nameSize - 1) throw invalid(`a path at ${start} does not end with its zero byte`)
  const dataStart = padded(bytes, start + HEADER + nameSize)
  const data = take(bytes, dataStart, size)
  return { fields, path: fromUtf8(name.subarray(0, -1)), data, end: padded(bytes, dataStart + size) }
}

/** Thirteen numbers of eight hexadecimal digits after the magic one. */
function readFields(header: Uint8Array): Fields {
  const text = String.fromCharCode(...header)
  if (!text.startsWith(MAGIC)) throw invalid('an entry does not begin with 070701')
  if (!/^[0-9a-fA-F]+$/.test(text)) throw invalid('a number is not of hexadecimal digits')
  const field = (index: number): number => Number.parseInt(text.slice(6 + 8 * index, 14 + 8 * index), 16)
  return {
    ...{ mode: field(1), user: field(2), group: field(3), links: field(4) },
    ...{ size: field(6), nameSize: field(11) },
  }
}

/** The next multiple of four; what is passed over is zero. */
function padded(bytes: Uint8Array, offset: number): number {
  const end = Math.ceil(offset / 4) * 4
  if (take(bytes, offset, end - offset).some(byte => byte !== 0))
    throw invalid(`padding at ${offset} is not zero`)
  return end
}

function take(bytes: Uint8Array, offset: number, size: number): Uint8Array {
  if (size > bytes.length - offset) throw invalid(`it is cut short at ${offset}`)
  return bytes.subarray(offset, offset + size)
}

function isRelative(path: string): boolean {
  return !path.includes('\\') && path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-cpio', `not a ramdisk in the newc format: ${reason}`)
}
