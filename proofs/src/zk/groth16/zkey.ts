/** snarkjs's proving keys, `.zkey` version 1 of protocol 1, Groth16 (docs/zk-groth16.md, section 5). */
import { proofsError } from '../../errors.ts'
import { inverseOf, MODULUS } from './field.ts'
import type { SetupPoints } from './key.ts'
import { COORDINATE_MODULUS, type G1, G1_BYTES, type G2, G2_BYTES } from './points.ts'

/** What is at a key's beginning: the circuit's size, and what a verifier needs. */
export type ZkeyHead = SetupPoints & { wires: number; signals: number; domain: number }

const MAGIC = 0x79656b7a // "zkey"
const VERSION = 1
const GROTH16 = 1
const SECTION_HEAD = 12
const HEADER_BYTES = 4 + 32 + 4 + 32 + 3 * 4 + 3 * G1_BYTES + 3 * G2_BYTES
/** More public signals than any circuit here has. */
const MAX_SIGNALS = 2 ** 16

/**
 * The head of a proving key. It says nothing of whether the rest of the file fits, nor of who made it.
 * @throws NacreError zk-invalid-key, zk-unsupported-version
 */
export function readZkeyHead(file: Uint8Array): ZkeyHead {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const sections = sectionsOf(view)
  const [protocol, header, ic] = [1, 2, 3].map(id => sections.get(id))
  if (!protocol || !header || !ic) throw invalid('a section of it is missing')
  if (protocol.size !== 4 || view.getUint32(protocol.at, true) !== GROTH16) throw invalid('not of Groth16')
  if (header.size !== HEADER_BYTES) throw invalid(`a header of ${header.size} bytes, not ${HEADER_BYTES}`)
  let at = header.at
  const u32 = (): number => {
    at += 4
    return view.getUint32(at - 4, true)
  }
  const coordinate = (): bigint => {
    at += 32
    return outOfMontgomery(numberAt(view, at - 32))
  }
  const g1 = (): G1 => ({ x: coordinate(), y: coordinate() })
  const g2 = (): G2 => ({
    x: { c0: coordinate(), c1: coordinate() },
    y: { c0: coordinate(), c1: coordinate() },
  })
  for (const modulus of [COORDINATE_MODULUS, MODULUS]) {
    if (u32() !== 32 || numberAt(view, at) !== modulus) throw invalid('not of the curve BN254')
    at += 32
  }
  const [wires, signals, domain] = [u32(), u32(), u32()]
  if (signals > MAX_SIGNALS || ic.size !== G1_BYTES * (1 + signals))
    throw invalid(`points for ${signals} signals`)
  const [alpha] = [g1(), g1()]
  const [beta, gamma] = [g2(), g2()]
  g1()
  const delta = g2()
  at = ic.at
  return { wires, signals, domain, alpha, beta, gamma, delta, ic: Array.from({ length: 1 + signals }, g1) }
}

/** A file of these sections, in order. */
export function zkeyFile(sections: readonly (readonly [id: number, bytes: Uint8Array])[]): Uint8Array {
  const size = sections.reduce((total, [, bytes]) => total + SECTION_HEAD + bytes.length, SECTION_HEAD)
  const file = new Uint8Array(size)
  const view = new DataView(file.buffer)
  for (const [i, value] of [MAGIC, VERSION, sections.length].entries()) view.setUint32(4 * i, value, true)
  let at = SECTION_HEAD
  for (const [id, bytes] of sections) {
    view.setUint32(at, id, true)
    view.setBigUint64(at + 4, BigInt(bytes.length), true)
    file.set(bytes, at + SECTION_HEAD)
    at += SECTION_HEAD + bytes.length
  }
  return file
}

type Section = { at: number; size: number }

/** Every section once, filling the file. */
function sectionsOf(view: DataView): Map<number, Section> {
  const end = view.byteLength
  if (end < SECTION_HEAD || view.getUint32(0, true) !== MAGIC) throw invalid('it does not begin with zkey')
  const version = view.getUint32(4, true)
  if (version !== VERSION)
    throw proofsError('zk-unsupported-version', `the proving key has version ${version}`)
  const sections = new Map<number, Section>()
  let at = SECTION_HEAD
  for (let left = view.getUint32(8, true); left > 0; left--) {
    if (at + SECTION_HEAD > end) throw invalid('it is cut short')
    const [id, size] = [view.getUint32(at, true), view.getBigUint64(at + 4, true)]
    at += SECTION_HEAD
    if (size > BigInt(end - at)) throw invalid('it is cut short')
    if (sections.has(id)) throw invalid(`section ${id} is there twice`)
    sections.set(id, { at, size: Number(size) })
    at += Number(size)
  }
  if (at !== end) throw invalid('something follows its last section')
  return sections
}

/** Little-endian. */
function numberAt(view: DataView, at: number): bigint {
  let value = 0n
  for (let i = 3; i >= 0; i--) value = (value << 64n) | view.getBigUint64(at + 8 * i, true)
  return value
}

/** Coordinates are times 2^256 in the file. */
function outOfMontgomery(value: bigint): bigint {
  if (value >= COORDINATE_MODULUS) throw invalid('a coordinate is not canonical')
  return (value * FROM_MONTGOMERY) % COORDINATE_MODULUS
}

const FROM_MONTGOMERY = inverseOf(1n << 256n, COORDINATE_MODULUS)

const invalid = (message: string): Error => proofsError('zk-invalid-key', `the proving key: ${message}`)
