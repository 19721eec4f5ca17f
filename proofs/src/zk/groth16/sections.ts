/** The binary files of iden3 that a setup consists of: a magic, a version, and numbered sections one behind the other. */
import { proofsError } from '../../errors.ts'

/** Bytes that are read where they are needed: of a file that is too large for memory, or of memory. */
export type ByteSource = {
  size: number
  /** Exactly so many bytes; within the size. */
  read: (at: number, length: number) => Uint8Array
}

/** Powers of tau, and a proving key. */
export type Magic = 'ptau' | 'zkey'

export type Section = { at: number; size: number }

export const FIELD_BYTES = 32
const HEAD_BYTES = 12
/** Those of any format have numbers below. */
const MAX_SECTIONS = 32

export function sourceOf(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) }
}

/**
 * Where each section of a file is. Every section is there once, and together they fill the file: cut or longer ones are
 * refused before anything of their contents is read.
 * @throws NacreError zk-invalid-key, zk-invalid-setup, zk-unsupported-version
 */
export function sectionsOf(source: ByteSource, magic: Magic, version: number): Map<number, Section> {
  const head = viewOf(source, 0, HEAD_BYTES, magic)
  for (const [i, letter] of [...magic].entries())
    if (head.getUint8(i) !== letter.charCodeAt(0)) throw invalid(magic, `it does not begin with ${magic}`)
  const found = head.getUint32(4, true)
  if (found !== version) throw proofsError('zk-unsupported-version', `the ${magic} file has version ${found}`)
  const count = head.getUint32(8, true)
  if (count > MAX_SECTIONS) throw invalid(magic, `${count} sections`)
  const sections = new Map<number, Section>()
  let at = HEAD_BYTES
  for (let i = 0; i < count; i++) {
    const view = viewOf(source, at, HEAD_BYTES, magic)
    const [id, size] = [view.getUint32(0, true), view.getBigUint64(4, true)]
    at += HEAD_BYTES
    if (size > BigInt(source.size - at)) throw invalid(magic, `it ends at ${source.size}, in section ${id}`)
    if (sections.has(id)) throw invalid(magic, `section ${id} is there twice`)
    sections.set(id, { at, size: Number(size) })
    at += Number(size)
  }
  if (at !== source.size) throw invalid(magic, `${source.size - at} bytes follow its last section`)
  return sections
}

/** The section of this number, if it has the size that everything else of the file says. @throws NacreError zk-invalid-key, zk-invalid-setup */
export function checkSection(
  sections: ReadonlyMap<number, Section>,
  magic: Magic,
  id: number,
  size?: number,
): Section {
  const section = sections.get(id)
  if (!section) throw invalid(magic, `section ${id} is missing`)
  if (size !== undefined && section.size !== size)
    throw invalid(magic, `section ${id} has ${section.size} bytes, not ${size}`)
  return section
}

/** @throws NacreError zk-invalid-setup where the bytes are beyond the end */
export function viewOf(source: ByteSource, at: number, length: number, magic: Magic): DataView {
  if (at + length > source.size) throw invalid(magic, `it ends at ${source.size}`)
  const bytes = source.read(at, length)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A field's number, little-endian. */
export function numberAt(view: DataView, at: number): bigint {
  let value = 0n
  for (let i = FIELD_BYTES / 8 - 1; i >= 0; i--) value = (value << 64n) | view.getBigUint64(at + 8 * i, true)
  return value
}

export function invalid(magic: Magic, why: string): Error {
  return magic === 'zkey'
    ? proofsError('zk-invalid-key', `the proving key: ${why}`)
    : proofsError('zk-invalid-setup', `the powers of tau: ${why}`)
}
