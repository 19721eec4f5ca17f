import { encodeTensor, keccak256, type Tensor, toHex } from '@nacre/verify'

const TENSORS: Record<string, Tensor> = {
  'float32-iris': { dtype: 'float32', dims: [1, 4], data: Float32Array.of(5.1, 3.5, 1.4, 0.2) },
  'float32-special': { dtype: 'float32', dims: [4], data: Float32Array.of(-0, 1e-45, 3.4e38, -1.5) },
  'float64-scalar': { dtype: 'float64', dims: [], data: Float64Array.of(Math.PI) },
  'uint8-picture': { dtype: 'uint8', dims: [1, 1, 2, 3], data: Uint8Array.of(0, 1, 127, 128, 254, 255) },
  'int8-row': { dtype: 'int8', dims: [3], data: Int8Array.of(-128, 0, 127) },
  'int32-column': { dtype: 'int32', dims: [2, 1], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
  'int64-pair': { dtype: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
}

/** Bytes that are no tensor, and the code of the error. */
const INVALID = {
  empty: { bytes: '0x', error: 'invalid-tensor' },
  'version-2': { bytes: '0x02020101000000ff', error: 'unsupported-version' },
  'unknown-dtype': { bytes: '0x01040101000000ff', error: 'invalid-tensor' },
  'rank-9': { bytes: `0x010209${'01000000'.repeat(9)}ff`, error: 'too-large' },
  'dimension-0': { bytes: '0x01020100000000', error: 'invalid-tensor' },
  'too-many-elements': { bytes: '0x010202ffffffffffffffff', error: 'too-large' },
  'cut-short': { bytes: '0x01020102000000ff', error: 'invalid-tensor' },
  'trailing-byte': { bytes: '0x01020101000000ffff', error: 'invalid-tensor' },
}

export function tensorVectors(): Record<string, unknown> {
  const valid = Object.entries(TENSORS).map(([name, tensor]) => {
    const bytes = encodeTensor(tensor)
    const values = Array.from(tensor.data as Float64Array, value =>
      Object.is(value, -0) ? '-0' : String(value),
    )
    return [
      `tensors/${name}.json`,
      { bytes: toHex(bytes), dims: tensor.dims, dtype: tensor.dtype, hash: keccak256(bytes), values },
    ]
  })
  const invalid = Object.entries(INVALID).map(([name, value]) => [`tensors/invalid-${name}.json`, value])
  return Object.fromEntries([...valid, ...invalid])
}
