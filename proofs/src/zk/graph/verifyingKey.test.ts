import { toHex } from '@nacre/verify'
import { describe, expect, test } from 'vitest'
import { encodeGraph } from './encode.ts'
import { modelIdOf } from './model.ts'
import { irisNetwork } from './samples.ts'
import { decodeVerifyingKey, encodeVerifyingKey, isVerifyingKey, MAX_VERIFYING_KEY } from './verifyingKey.ts'

const { graph } = irisNetwork()
const KEY = { graph, root: new Uint8Array(32).fill(7) }
const BYTES = encodeVerifyingKey(KEY)

const refused = (code: string, bytes: Uint8Array): void =>
  expect(() => decodeVerifyingKey(bytes)).toThrow(expect.objectContaining({ code }))
const changed = (at: number, byte: number): Uint8Array =>
  Uint8Array.from(BYTES, (old, i) => (i === at ? byte : old))

/** As Node’s Buffer: its slices are no copies. */
class Shared extends Uint8Array<ArrayBuffer> {
  override slice(start?: number, end?: number): Shared {
    return this.subarray(start, end) as Shared
  }
}

describe('a verifying key', () => {
  test('is magic, version, root and graph, and comes back as it was', () => {
    expect([...BYTES.subarray(0, 6)]).toEqual([0x4e, 0x5a, 0x4b, 0x56, 1, 7])
    expect(BYTES.subarray(37)).toEqual(encodeGraph(graph))
    expect(decodeVerifyingKey(BYTES)).toEqual(KEY)
    expect(toHex(modelIdOf(decodeVerifyingKey(BYTES)))).toBe(toHex(modelIdOf(KEY)))
  })

  test('keeps nothing of the bytes', () => {
    const bytes = Shared.from(BYTES)
    const decoded = decodeVerifyingKey(bytes)
    bytes.fill(0)
    expect(decoded).toEqual(KEY)
  })

  test('every beginning is refused, and whatever follows the end', () => {
    for (let end = 0; end < BYTES.length; end += end < 45 ? 1 : 13)
      refused('invalid-graph', BYTES.slice(0, end))
    refused('invalid-graph', Uint8Array.of(...BYTES, 0))
    refused('model-too-large', new Uint8Array(MAX_VERIFYING_KEY + 1))
  })

  test('another format, version or graph is refused', () => {
    refused('invalid-graph', changed(3, 0x4d))
    expect([BYTES, changed(3, 0x4d), new Uint8Array(0)].map(isVerifyingKey)).toEqual([true, false, false])
    refused('zk-unsupported-version', changed(4, 2))
    refused('zk-unsupported-version', changed(41, 2))
    // The input's range is [-128, 127]: without 0 it is none.
    refused('range-overflow', changed(37 + 5 + 5 + 3, 0x7f))
  })

  test('what is no model has no key', () => {
    for (const root of [new Uint8Array(31), new Uint8Array(0)])
      expect(() => encodeVerifyingKey({ graph, root })).toThrow('a root has 32 bytes')
    expect(() => encodeVerifyingKey({ ...KEY, graph: { ...graph, outputs: [0] } })).toThrow(
      expect.objectContaining({ code: 'invalid-graph' }),
    )
  })
})
