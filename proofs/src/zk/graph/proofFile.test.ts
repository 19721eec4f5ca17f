import { describe, expect, test } from 'vitest'
import { decodeProofFile, encodeProofFile, MAX_PROOF_FILE, type ProofFile } from './proofFile.ts'

const FILE: ProofFile = {
  mode: 0,
  model: new Uint8Array(32).fill(7),
  batch: 2,
  input: Int32Array.of(1, -2, 2 ** 29, 0),
  outputs: [Int32Array.of(-(2 ** 29), 3), Int32Array.of(4)],
  proof: Uint8Array.of(9, 8, 7),
}

describe('a proof as a file', () => {
  test('has what the proof is about, then the proof', () => {
    const bytes = encodeProofFile(FILE)
    expect([...bytes.subarray(0, 6)]).toEqual([0x4e, 0x5a, 0x4b, 0x53, 1, 0])
    expect([...bytes.subarray(38, 50)]).toEqual([2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0])
    expect([...bytes.subarray(-7)]).toEqual([3, 0, 0, 0, 9, 8, 7])
  })

  test.each([0, 1] as const)('comes back as it was, mode %s', mode => {
    const file = { ...FILE, mode }
    expect(decodeProofFile(encodeProofFile(file))).toEqual(file)
  })

  test('keeps nothing of the bytes, also where their slice is no copy', () => {
    class View extends Uint8Array {
      override slice(start?: number, end?: number): View {
        return this.subarray(start, end) as View
      }
    }
    const bytes = new View(encodeProofFile(FILE))
    const decoded = decodeProofFile(bytes)
    bytes.fill(0)
    expect(decoded).toEqual(FILE)
  })

  test('every beginning is refused, and whatever follows the end', () => {
    const bytes = encodeProofFile(FILE)
    for (let end = 0; end < bytes.length; end++) refused('zk-invalid-file', bytes.slice(0, end))
    refused('zk-invalid-file', Uint8Array.of(...bytes, 0))
  })

  test('its version, mode, batch and counts are checked before anything is allocated', () => {
    const changed = (at: number, ...values: number[]): Uint8Array => {
      const bytes = encodeProofFile(FILE)
      bytes.set(values, at)
      return bytes
    }
    refused('zk-unsupported-version', changed(4, 2))
    refused('zk-invalid-file', changed(0, 0))
    refused('zk-invalid-file', changed(5, 2))
    refused('zk-invalid-file', changed(38, 0))
    refused('zk-invalid-file', changed(38, 1, 0x10))
    refused('zk-invalid-file', changed(42, 0xff, 0xff, 0xff, 0xff))
    refused('zk-invalid-file', changed(62, 0))
    refused('zk-invalid-file', new Uint8Array(MAX_PROOF_FILE + 1))
  })

  test('what does not fit is not written', () => {
    for (const change of [
      { model: new Uint8Array(31) },
      { batch: 0.5 },
      { proof: new Uint8Array(MAX_PROOF_FILE) },
    ])
      expect(() => encodeProofFile({ ...FILE, ...change })).toThrow(
        expect.objectContaining({ code: 'zk-invalid-file' }),
      )
  })
})

function refused(code: string, bytes: Uint8Array): void {
  expect(() => decodeProofFile(bytes)).toThrow(expect.objectContaining({ code }))
}
