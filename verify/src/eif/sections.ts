import { equalBytes, utf8 } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { invalidEif } from './error.ts'

/** Type of a section. */
export const SECTION = { kernel: 1, cmdline: 2, ramdisk: 3, signature: 4, metadata: 5 } as const
export type SectionName = keyof typeof SECTION

export type Section = { name: SectionName; data: Uint8Array }

export type Header = {
  version: 2 | 3 | 4
  /** Bit 0: for arm64. */
  flags: number
  /** Bytes and processors that the image would like; nothing heeds them. */
  memory: number
  cpus: number
  crc32: number
}

/** Longest file, bytes. */
export const MAX_EIF: number = 2 ** 30

/** Bytes of the header, all big-endian, and where its parts begin; of a section's header. */
export const HEADER = 548
export const AT = {
  version: 4,
  flags: 6,
  memory: 8,
  cpus: 16,
  reserved: 24,
  count: 26,
  offsets: 28,
  sizes: 284,
  unused: 540,
  crc32: 544,
} as const
export const SECTION_HEADER = 12
export const MAX_SECTIONS = 32

const NAMES = Object.keys(SECTION) as SectionName[]

/**
 * Header and sections of a file, as views: the sections lie one after the other and fill it. What is reserved is zero,
 * as every known encoder writes it.
 * @throws NacreError too-large, unsupported-version, invalid-eif
 */
export function readSections(bytes: Uint8Array): { header: Header; sections: Section[] } {
  if (bytes.length > MAX_EIF)
    throw new NacreError('too-large', `EIF of ${bytes.length} bytes, at most ${MAX_EIF}`)
  if (bytes.length < HEADER) throw invalidEif('it ends within its header')
  if (!equalBytes(bytes.subarray(0, 4), utf8('.eif'))) throw invalidEif('it does not begin with ".eif"')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readHeader(view)
  const count = view.getUint16(AT.count)
  if (count < 2 || count > MAX_SECTIONS) throw invalidEif(`${count} sections, not 2 to ${MAX_SECTIONS}`)
  const sections: Section[] = []
  let offset = HEADER
  for (let index = 0; index < MAX_SECTIONS; index++) {
    const [at, size] = [integer(view, AT.offsets + 8 * index), integer(view, AT.sizes + 8 * index)]
    if (index >= count) {
      if (at !== 0 || size !== 0) throw invalidEif(`section ${index} is beyond their number`)
      continue
    }
    if (at !== offset) throw invalidEif(`section ${index} begins at ${at}, not at ${offset}`)
    const section = readSection(bytes, at, size)
    sections.push(section)
    offset = at + SECTION_HEADER + section.data.length
  }
  if (offset !== bytes.length) throw invalidEif(`${bytes.length - offset} bytes after the last section`)
  return { header, sections }
}

function readHeader(view: DataView): Header {
  const version = view.getUint16(AT.version)
  if (version !== 2 && version !== 3 && version !== 4)
    throw new NacreError('unsupported-version', `EIF of version ${version}, known: 2, 3, 4`)
  const flags = view.getUint16(AT.flags)
  if (flags > 1) throw invalidEif(`unknown flags 0x${flags.toString(16)}`)
  if (view.getUint16(AT.reserved) !== 0 || view.getUint32(AT.unused) !== 0)
    throw invalidEif('what is reserved is not zero')
  const [memory, cpus] = [integer(view, AT.memory), integer(view, AT.cpus)]
  return { version, flags, memory, cpus, crc32: view.getUint32(AT.crc32) }
}

function readSection(bytes: Uint8Array, at: number, size: number): Section {
  const start = at + SECTION_HEADER
  if (size === 0) throw invalidEif(`the section at ${at} is empty`)
  if (size > bytes.length - start) throw invalidEif(`the section at ${at} goes beyond the end`)
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SECTION_HEADER)
  const type = view.getUint16(0)
  const name = NAMES.find(known => SECTION[known] === type)
  if (name === undefined) throw invalidEif(`the section at ${at} is of unknown type ${type}`)
  if (view.getUint16(2) !== 0) throw invalidEif(`the section at ${at} has flags, and none is known`)
  if (integer(view, 4) !== size) throw invalidEif(`the section at ${at} has two sizes`)
  return { name, data: bytes.subarray(start, start + size) }
}

/** A u64 within 2^53 - 1. */
function integer(view: DataView, at: number): number {
  const value = view.getBigUint64(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidEif(`the number at ${at} is beyond 2^53 - 1`)
  return Number(value)
}
