import { expect, test } from 'vitest'
import { irisRegression } from '../graph/samples.ts'
import type { Constraint } from './circuit.ts'
import { emitCircuit } from './emit.ts'
import { MODULUS } from './field.ts'
import { encodeR1cs, encodeWtns } from './iden3.ts'
import type { Linear } from './linear.ts'
import { firstViolated, witnessOf } from './witness.ts'

const { graph, weights } = irisRegression()
const circuit = emitCircuit(graph, weights)
const witness = witnessOf(circuit, Int32Array.of(1, -128, 127, 0))

type File = { version: number; sections: Map<number, Cursor> }
type Cursor = { u32: () => number; u64: () => number; element: () => bigint; left: () => number }

/** A file as iden3's specification says, read on its own. */
function read(bytes: Uint8Array, magic: string): File {
  const view = new DataView(bytes.buffer)
  expect(String.fromCharCode(...bytes.subarray(0, 4))).toBe(magic)
  const sections = new Map<number, Cursor>()
  let at = 12
  for (let count = view.getUint32(8, true); count > 0; count--) {
    const [type, size] = [view.getUint32(at, true), Number(view.getBigUint64(at + 4, true))]
    sections.set(type, cursor(view, at + 12, size))
    at += 12 + size
  }
  expect(at).toBe(bytes.length)
  return { version: view.getUint32(4, true), sections }
}

function cursor(view: DataView, from: number, size: number): Cursor {
  let at = from
  const u64 = (): bigint => {
    at += 8
    return view.getBigUint64(at - 8, true)
  }
  return {
    u32: () => {
      at += 4
      return view.getUint32(at - 4, true)
    },
    u64: () => Number(u64()),
    element: () => u64() | (u64() << 64n) | (u64() << 128n) | (u64() << 192n),
    left: () => from + size - at,
  }
}

test('.r1cs holds the constraints, canonical and by ascending wire', () => {
  const { version, sections } = read(encodeR1cs(circuit), 'r1cs')
  expect(version).toBe(1)
  const [header, rows, labels] = [1, 2, 3].map(type => sections.get(type)!) as [Cursor, Cursor, Cursor]
  expect([header.u32(), header.element()]).toEqual([32, MODULUS])
  const { wires, signals, inputs, constraints } = circuit
  expect([header.u32(), header.u32(), header.u32(), header.u32()]).toEqual([wires, signals, 0, inputs])
  expect([header.u64(), header.u32(), header.left()]).toEqual([wires, constraints.length, 0])

  const linear = (): Linear => Array.from({ length: rows.u32() }, () => [rows.u32(), rows.element()] as const)
  const parsed = constraints.map((): Constraint => ({ a: linear(), b: linear(), c: linear() }))
  expect(rows.left()).toBe(0)
  for (const row of parsed.flatMap(({ a, b, c }) => [a, b, c])) {
    expect(row.every(([, coefficient]) => coefficient > 0n && coefficient < MODULUS)).toBe(true)
    expect(row.every(([wire], i) => i === 0 || wire > row[i - 1]![0])).toBe(true)
  }
  expect(firstViolated({ ...circuit, constraints: parsed }, witness)).toBeUndefined()
  expect(firstViolated({ ...circuit, constraints: parsed }, witness.with(1, 5n))).toBeDefined()

  expect(Array.from({ length: wires }, labels.u64)).toEqual([...Array(wires).keys()])
  expect(labels.left()).toBe(0)
})

test('.wtns holds all values', () => {
  const { version, sections } = read(encodeWtns(witness), 'wtns')
  expect(version).toBe(2)
  const [header, values] = [sections.get(1)!, sections.get(2)!]
  expect([header.u32(), header.element(), header.u32(), header.left()]).toEqual([
    32,
    MODULUS,
    witness.length,
    0,
  ])
  expect(witness.map(values.element)).toEqual(witness)
  expect(values.left()).toBe(0)
})
