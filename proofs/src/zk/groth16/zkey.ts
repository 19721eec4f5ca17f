/** snarkjs's proving keys, `.zkey` version 1 of protocol 1, Groth16 (docs/zk-groth16.md, section 5). */
import { inverseOf, MODULUS } from './field.ts'
import type { SetupPoints } from './key.ts'
import { COORDINATE_MODULUS, type G1, G1_BYTES, type G2, G2_BYTES } from './points.ts'
import { checkSection, invalid as invalidFile, numberAt, sectionsOf, sourceOf, viewOf } from './sections.ts'

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
  const source = sourceOf(file)
  const sections = sectionsOf(source, 'zkey', VERSION)
  const [protocol, header] = [
    checkSection(sections, 'zkey', 1, 4),
    checkSection(sections, 'zkey', 2, HEADER_BYTES),
  ]
  const ic = checkSection(sections, 'zkey', 3)
  const view = viewOf(source, 0, file.length, 'zkey')
  if (view.getUint32(protocol.at, true) !== GROTH16) throw invalid('not of Groth16')
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

/** Coordinates are times 2^256 in the file. */
function outOfMontgomery(value: bigint): bigint {
  if (value >= COORDINATE_MODULUS) throw invalid('a coordinate is not canonical')
  return (value * FROM_MONTGOMERY) % COORDINATE_MODULUS
}

const FROM_MONTGOMERY = inverseOf(1n << 256n, COORDINATE_MODULUS)

const invalid = (why: string): Error => invalidFile('zkey', why)
