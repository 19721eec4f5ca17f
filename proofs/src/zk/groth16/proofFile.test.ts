import { expect, test } from 'vitest'
import { decodeGroth16File, encodeGroth16File, isGroth16File, MAX_GROTH16_FILE } from './proofFile.ts'

const file = {
  artifact: new Uint8Array(32).fill(1),
  inputHash: new Uint8Array(32).fill(2),
  output: Int32Array.of(-(2 ** 31), 0, 7),
  proof: new Uint8Array(256).fill(3),
}
const bytes = encodeGroth16File(file)

/** The file with other bytes at a place. */
function changed(at: number, ...values: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy.set(values, at)
  return copy
}

test('what was encoded is decoded, from any slice', () => {
  expect(decodeGroth16File(bytes)).toEqual(file)
  const slice = new Uint8Array(bytes.length + 9)
  slice.set(bytes, 5)
  expect(decodeGroth16File(slice.subarray(5, 5 + bytes.length))).toEqual(file)
  expect(isGroth16File(bytes)).toBe(true)
  expect(isGroth16File(Uint8Array.of(0x4e, 0x5a, 0x4b, 0x53))).toBe(false)
})

test('every shorter file is refused, and every longer one', () => {
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeGroth16File(bytes.subarray(0, length))).toThrow(
      expect.objectContaining({ code: 'zk-invalid-file' }),
    )
  for (const length of [bytes.length + 1, MAX_GROTH16_FILE + 1]) {
    const longer = new Uint8Array(length)
    longer.set(bytes)
    expect(() => decodeGroth16File(longer)).toThrow(expect.objectContaining({ code: 'zk-invalid-file' }))
  }
})

test('another beginning, another version, no values and too many', () => {
  expect(() => decodeGroth16File(changed(3, 0x53))).toThrow(
    expect.objectContaining({ code: 'zk-invalid-file' }),
  )
  expect(() => decodeGroth16File(changed(4, 2))).toThrow(
    expect.objectContaining({ code: 'zk-unsupported-version' }),
  )
  for (const count of [0, 4097])
    expect(() => decodeGroth16File(changed(69, count & 0xff, count >> 8, 0, 0))).toThrow(
      expect.objectContaining({
        code: 'zk-invalid-file',
        message: expect.stringContaining(`${count} values`),
      }),
    )
  expect(() => encodeGroth16File({ ...file, output: new Int32Array(4097) })).toThrow(
    expect.objectContaining({ code: 'zk-invalid-file' }),
  )
  expect(() => encodeGroth16File({ ...file, artifact: new Uint8Array(31) })).toThrow(
    expect.objectContaining({ code: 'zk-invalid-file' }),
  )
})
