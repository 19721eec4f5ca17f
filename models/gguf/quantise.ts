import { toHalf } from './half.ts'

/** Forms of weights, by the numbers that GGUF has for them, and what a block of each takes. */
export const TYPES = {
  f32: { id: 0, values: 1, bytes: 4 },
  f16: { id: 1, values: 1, bytes: 2 },
  q4_0: { id: 2, values: 32, bytes: 18 },
  q8_0: { id: 8, values: 32, bytes: 34 },
} as const

export type TensorType = keyof typeof TYPES

/** Bytes of so many values. @throws RangeError unless they are whole blocks. */
export function bytesOf(type: TensorType, count: number): number {
  const { values, bytes } = TYPES[type]
  if (count % values === 0) return (count / values) * bytes
  throw new RangeError(`${count} values are no whole blocks of ${type}, which have ${values}`)
}

/**
 * Float32 values as `type` has them, little-endian. Block by block, as llama.cpp's reference quantisers write them
 * (quantize_row_q4_0_ref and quantize_row_q8_0_ref in ggml-quants.c), bit for bit: each step in float32, no fused
 * multiply and add. A block's scale d is kept as a half, and its reciprocal is taken before that rounding.
 */
export function quantise(type: TensorType, values: Float32Array): Uint8Array {
  const out = new Uint8Array(bytesOf(type, values.length))
  const view = new DataView(out.buffer)
  if (type === 'f32') for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i]!, true)
  else if (type === 'f16')
    for (let i = 0; i < values.length; i++) view.setUint16(i * 2, toHalf(values[i]!), true)
  else {
    const { values: size, bytes } = TYPES[type]
    const block = type === 'q4_0' ? blockQ4 : blockQ8
    for (let at = 0, to = 0; at < values.length; at += size, to += bytes) block(values, at, view, to)
  }
  return out
}

/** d is the value farthest from zero (the first of these) over -8; 4 bits each, the second half's in the high ones. */
function blockQ4(values: Float32Array, at: number, out: DataView, to: number): void {
  const scale = Math.fround(values[farthest(values, at)]! / -8)
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
  out.setUint16(to, toHalf(scale), true)
  for (let i = 0; i < 16; i++) {
    const low = fourBits(values[at + i]!, inverse)
    const high = fourBits(values[at + 16 + i]!, inverse)
    out.setUint8(to + 2 + i, low | (high << 4))
  }
}

function fourBits(value: number, inverse: number): number {
  return Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)))
}

/** d is the largest size over 127; a signed byte each, ties away from zero. */
function blockQ8(values: Float32Array, at: number, out: DataView, to: number): void {
  const scale = Math.fround(Math.abs(values[farthest(values, at)]!) / 127)
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
  out.setUint16(to, toHalf(scale), true)
  for (let i = 0; i < 32; i++) {
    const scaled = Math.fround(values[at + i]! * inverse)
    out.setInt8(to + 2 + i, scaled < 0 ? -Math.floor(-scaled + 0.5) : Math.floor(scaled + 0.5))
  }
}

function farthest(values: Float32Array, at: number): number {
  let found = at
  for (let i = at + 1; i < at + 32; i++) if (Math.abs(values[i]!) > Math.abs(values[found]!)) found = i
  return found
}
