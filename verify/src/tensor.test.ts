import fc from 'fast-check'
import { expect, test } from 'vitest'
import { argmax, decodeTensor, encodeTensor, hasNonFinite, NacreError, type Tensor } from './index.ts'

const tensors: fc.Arbitrary<Tensor> = fc
  .array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 })
  .chain(dims => {
    const length = dims.reduce((count, dim) => count * dim, 1)
    const size = { minLength: length, maxLength: length }
    return fc.oneof(
      fc.float32Array(size).map(data => ({ dtype: 'float32' as const, dims, data })),
      fc.float64Array(size).map(data => ({ dtype: 'float64' as const, dims, data })),
      fc.uint8Array(size).map(data => ({ dtype: 'uint8' as const, dims, data })),
      fc.int8Array(size).map(data => ({ dtype: 'int8' as const, dims, data })),
      fc.int32Array(size).map(data => ({ dtype: 'int32' as const, dims, data })),
      fc.bigInt64Array(size).map(data => ({ dtype: 'int64' as const, dims, data })),
    )
  })

test('what is encoded decodes to the same, from any offset of a buffer', () => {
  fc.assert(
    fc.property(tensors, fc.nat(9), (tensor, shift) => {
      const bytes = encodeTensor(tensor)
      const shifted = new Uint8Array(shift + bytes.length)
      shifted.set(bytes, shift)
      expect(decodeTensor(shifted.subarray(shift))).toEqual(tensor)
    }),
  )
})

test('bytes that share their memory with others, as a Buffer does, decode to a tensor of its own', () => {
  const tensor: Tensor = { dtype: 'float32', dims: [2], data: Float32Array.of(1, 2) }
  const encoded = encodeTensor(tensor)
  const shared = new Uint8Array(encoded.length + 3)
  const bytes = shared.subarray(3)
  bytes.set(encoded)
  const decoded = decodeTensor(bytes)
  expect(decoded).toEqual(tensor)
  shared.fill(0)
  expect(decoded).toEqual(tensor)
})

test('random bytes are a tensor of exactly these bytes, or refused with a code', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 3, 6, 7, 11, 12), fc.uint8Array({ maxLength: 40 }), (code, rest) => {
      const bytes = Uint8Array.of(1, code, ...rest)
      try {
        expect(encodeTensor(decodeTensor(bytes))).toEqual(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(NacreError)
      }
    }),
    { numRuns: 1000 },
  )
})

test('fields that do not agree are refused', () => {
  const data = Float32Array.of(1)
  const bad = [
    { dtype: 'float16', dims: [1], data },
    { dtype: 'float64', dims: [1], data },
    { dtype: 'float32', dims: [2], data },
    { dtype: 'float32', dims: [0], data },
    { dtype: 'float32', dims: [0.5], data },
  ] as Tensor[]
  for (const tensor of bad) {
    expect(() => encodeTensor(tensor)).toThrow(expect.objectContaining({ code: 'invalid-tensor' }))
  }
  const tooMany = { dtype: 'float32', dims: Array(9).fill(1), data } as Tensor
  expect(() => encodeTensor(tooMany)).toThrow(expect.objectContaining({ code: 'too-large' }))
})

test('argmax a row, and values that are not finite', () => {
  const data = Float32Array.of(1, 3, 2, Number.NaN, -1, -2)
  const tensor: Tensor = { dtype: 'float32', dims: [2, 3], data }
  expect(argmax(tensor)).toEqual([1, 1])
  expect(hasNonFinite(tensor)).toBe(true)
  expect(argmax({ dtype: 'int64', dims: [3], data: BigInt64Array.of(-5n, 7n, 7n) })).toEqual([1])
  expect(hasNonFinite({ dtype: 'uint8', dims: [1], data: Uint8Array.of(255) })).toBe(false)
})
