import { NacreError } from './errors.ts'

export type Dtype = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'float64'
export type TensorData = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array | Float64Array

/** A dense row-major tensor; `data` has the type that `dtype` names and the product of `dims` elements. */
export type Tensor = { dtype: Dtype; dims: readonly number[]; data: TensorData }

export const MAX_RANK = 8
export const MAX_ELEMENTS: number = 2 ** 24

/** ONNX `TensorProto.DataType` and the array of each dtype. */
const DTYPES = {
  float32: { code: 1, array: Float32Array },
  uint8: { code: 2, array: Uint8Array },
  int8: { code: 3, array: Int8Array },
  int32: { code: 6, array: Int32Array },
  int64: { code: 7, array: BigInt64Array },
  float64: { code: 11, array: Float64Array },
} as const

/**
 * Canonical bytes (docs/protocol.md, Tensor): what inputHash and outputHash cover. Typed arrays are taken to be
 * little-endian, as on every platform that runs Node or a browser today.
 * @throws NacreError invalid-tensor, too-large
 */
export function encodeTensor(tensor: Tensor): Uint8Array {
  const { dtype, dims, data } = tensor
  const type = DTYPES[dtype]
  if (!type) throw invalid(`unknown dtype ${String(dtype)}`)
  const count = elementCount(dims)
  if (!(data instanceof type.array)) throw invalid(`data of a ${dtype} tensor must be a ${type.array.name}`)
  if (data.length !== count) throw invalid(`dims [${dims}] need ${count} elements, data has ${data.length}`)
  const bytes = new Uint8Array(3 + 4 * dims.length + data.byteLength)
  const view = new DataView(bytes.buffer)
  bytes.set([1, type.code, dims.length])
  for (const [i, dim] of dims.entries()) view.setUint32(3 + 4 * i, dim, true)
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 3 + 4 * dims.length)
  return bytes
}

/**
 * The tensor of canonical bytes; the data is a copy.
 * @throws NacreError unsupported-version, invalid-tensor, too-large
 */
export function decodeTensor(bytes: Uint8Array): Tensor {
  const [version, code, rank] = bytes
  if (version === undefined || code === undefined || rank === undefined) throw invalid('header is cut short')
  if (version !== 1) throw new NacreError('unsupported-version', `tensor version ${version}, known: 1`)
  const dtype = dtypeOf(code)
  const start = 3 + 4 * rank
  if (rank > MAX_RANK) throw new NacreError('too-large', `rank ${rank}, at most ${MAX_RANK}`)
  if (bytes.length < start) throw invalid('dimensions are cut short')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(3 + 4 * i, true))
  const { array } = DTYPES[dtype]
  const size = elementCount(dims) * array.BYTES_PER_ELEMENT
  if (bytes.length - start !== size)
    throw invalid(`expected ${size} bytes of data, got ${bytes.length - start}`)
  // Not slice(): of a Buffer it would be a view into a pool of other data.
  return { dtype, dims, data: new array(new Uint8Array(bytes.subarray(start)).buffer) }
}

/** Whether a float tensor holds NaN or an infinity. */
export function hasNonFinite(tensor: Tensor): boolean {
  const { data } = tensor
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return false
  return data.some(value => !Number.isFinite(value))
}

/** Index of the largest value along the last dimension, one per row; the first of equals, never a NaN. */
export function argmax(tensor: Tensor): number[] {
  const width = tensor.dims.at(-1) ?? 1
  const rows = tensor.data.length / width
  return Array.from({ length: rows }, (_, row) => {
    let best = 0
    for (let i = 1; i < width; i++) {
      if (at(tensor, row * width + i) > at(tensor, row * width + best)) best = i
    }
    return best
  })
}

function at(tensor: Tensor, index: number): number | bigint {
  const value = tensor.data[index] as number | bigint
  return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value
}

function elementCount(dims: readonly number[]): number {
  if (dims.length > MAX_RANK) throw new NacreError('too-large', `rank ${dims.length}, at most ${MAX_RANK}`)
  let count = 1
  for (const dim of dims) {
    if (!Number.isInteger(dim) || dim < 1)
      throw invalid(`dimension ${dim} is not a whole number of at least 1`)
    count *= dim
    if (count > MAX_ELEMENTS) throw new NacreError('too-large', `more than ${MAX_ELEMENTS} elements`)
  }
  return count
}

function dtypeOf(code: number): Dtype {
  for (const [dtype, type] of Object.entries(DTYPES)) if (type.code === code) return dtype as Dtype
  throw invalid(`unknown dtype ${code}`)
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-tensor', `not a tensor: ${reason}`)
}
