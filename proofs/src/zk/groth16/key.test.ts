import { NacreError } from '@nacre/verify/errors'
import { expect, test } from 'vitest'
import { decodeKey, elementsOf, encodeKey, MAX_KEY_FILE, type VerifyingKey } from './key.ts'

let next = 0
/** Coordinates of 32 bytes, each another small number: whether they are on the curve is not asked here. */
const point = (bytes: number): Uint8Array => {
  const point = new Uint8Array(bytes)
  for (let at = 31; at < bytes; at += 32) point[at] = ++next
  return point
}
const keyOf = (changes: Partial<VerifyingKey> = {}): VerifyingKey => {
  const shape = { setup: 'development' as const, width: 9, lo: -128, dims: [3], ...changes }
  const { elements } = elementsOf(shape)
  const [beta, gamma, delta] = [point(128), point(128), point(128)]
  const ic = Array.from({ length: 2 + elements }, () => point(64))
  return { ...shape, alpha: point(64), beta, gamma, delta, ic, ...changes }
}

test.each([
  ['one number', { width: 32, lo: -(2 ** 31), dims: [1] }],
  ['a matrix, of a ceremony', { setup: 'ceremony' as const, width: 8, lo: 0, dims: [4, 8] }],
  ['as many elements and dimensions as there may be', { width: 1, dims: [1, 1, 1, 1, 1, 1, 16, 253] }],
])('a key of %s is read as it was written', (_, changes) => {
  const key = keyOf(changes)
  const file = encodeKey(key)
  expect(decodeKey(file)).toEqual(key)
  expect(file.length).toBeLessThanOrEqual(MAX_KEY_FILE)
})

test('the bytes are those of the document', () => {
  const key = keyOf()
  const file = encodeKey(key)
  expect([...file.subarray(0, 20)]).toEqual([
    78, 90, 75, 71, 1, 1, 9, 0, 0, 0, 3, 255, 255, 255, 128, 1, 0, 0, 0, 3,
  ])
  expect(file.subarray(20, 84)).toEqual(key.alpha)
  expect(file.length).toBe(20 + 64 + 3 * 128 + 3 * 64)
})

test('what is not exactly a key file is none', () => {
  const file = encodeKey(keyOf())
  const changed = (at: number, value: number) => Uint8Array.from(file, (byte, i) => (i === at ? value : byte))
  const codeOf = (bytes: Uint8Array) => {
    try {
      decodeKey(bytes)
    } catch (error) {
      if (error instanceof NacreError) return error.code
      throw error
    }
    return undefined
  }
  for (let size = 0; size < file.length; size++)
    expect(codeOf(file.subarray(0, size)), `${size}`).toBeDefined()
  expect(codeOf(Uint8Array.from([...file, 0]))).toBe('zk-invalid-key')
  expect(codeOf(new Uint8Array(MAX_KEY_FILE + 1))).toBe('zk-invalid-key')
  expect(codeOf(changed(4, 2))).toBe('zk-unsupported-version')
  const rules = {
    magic: [0, 0],
    setup: [5, 2],
    'no width': [6, 0],
    width: [6, 33],
    count: [10, 4],
    rank: [15, 9],
    dims: [19, 2],
  }
  for (const [rule, [at, value]] of Object.entries(rules))
    expect(codeOf(changed(at!, value!)), rule).toBe('zk-invalid-key')
  expect(codeOf(changed(20, 255)), 'coordinate').toBe('zk-invalid-key')
  expect(() => encodeKey(keyOf({ width: 1, dims: [16 * 253 + 1] }))).toThrow('at most')
  expect(() => encodeKey(keyOf({ alpha: new Uint8Array(63) }))).toThrow('bytes')
})
