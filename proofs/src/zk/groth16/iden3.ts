/**
 * iden3's binary formats, which snarkjs reads: `.r1cs` version 1 and `.wtns` version 2 (docs/zk-groth16.md, section 5).
 */
import type { Circuit } from './circuit.ts'
import { MODULUS, mod } from './field.ts'
import type { Linear } from './linear.ts'

const FIELD_BYTES = 32

/** A circuit as an `.r1cs` file: the public outputs, the private inputs, then all other wires, labelled by number. */
export function encodeR1cs({ wires, signals, inputs, constraints }: Circuit): Uint8Array<ArrayBuffer> {
  const rows = constraints.flatMap(({ a, b, c }) => [canonical(a), canonical(b), canonical(c)])
  const size = rows.reduce((total, row) => total + 4 + (4 + FIELD_BYTES) * row.length, 0)
  const headerSize = 4 + FIELD_BYTES + 4 * 4 + 8 + 4
  const out = fileOf('r1cs', 1, [headerSize, size, 8 * wires])

  out.section(1, headerSize)
  out.u32(FIELD_BYTES)
  out.element(MODULUS)
  // Wires; public outputs, public inputs, private inputs; labels; constraints.
  for (const count of [wires, signals, 0, inputs]) out.u32(count)
  out.u64(wires)
  out.u32(constraints.length)

  out.section(2, size)
  for (const row of rows) {
    out.u32(row.length)
    for (const [wire, coefficient] of row) {
      out.u32(wire)
      out.element(coefficient)
    }
  }

  out.section(3, 8 * wires)
  for (let wire = 0; wire < wires; wire++) out.u64(wire)
  return out.bytes
}

/** The values of all wires as a `.wtns` file. */
export function encodeWtns(values: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const headerSize = 4 + FIELD_BYTES + 4
  const out = fileOf('wtns', 2, [headerSize, FIELD_BYTES * values.length])
  out.section(1, headerSize)
  out.u32(FIELD_BYTES)
  out.element(MODULUS)
  out.u32(values.length)
  out.section(2, FIELD_BYTES * values.length)
  for (const value of values) out.element(value)
  return out.bytes
}

/** Residues, without zeros, by ascending wire. */
function canonical(linear: Linear): Linear {
  return linear
    .map(([wire, coefficient]) => [wire, mod(coefficient)] as const)
    .filter(([, coefficient]) => coefficient !== 0n)
    .sort(([a], [b]) => a - b)
}

type File = {
  bytes: Uint8Array<ArrayBuffer>
  u32: (value: number) => void
  u64: (value: number) => void
  element: (value: bigint) => void
  section: (type: number, size: number) => void
}

/** A file of sections of these sizes, all numbers little-endian; what is written follows what was. */
function fileOf(magic: string, version: number, sections: readonly number[]): File {
  const bytes = new Uint8Array(12 + sections.reduce((total, size) => total + 12 + size, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  const u32 = (value: number): void => {
    view.setUint32(at, value, true)
    at += 4
  }
  const u64 = (value: number | bigint): void => {
    view.setBigUint64(at, BigInt(value), true)
    at += 8
  }
  for (const letter of magic) bytes[at++] = letter.charCodeAt(0)
  u32(version)
  u32(sections.length)
  return {
    bytes,
    u32,
    u64,
    element(value) {
      for (let i = 0n; i < 4n; i++) u64((value >> (64n * i)) & 0xffff_ffff_ffff_ffffn)
    },
    section(type, size) {
      u32(type)
      u64(size)
    },
  }
}
