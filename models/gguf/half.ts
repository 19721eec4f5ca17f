const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

/** The bits of the IEEE 754 half that is nearest to a float32, ties to even, as the processor's own conversion has it. */
export function toHalf(value: number): number {
  single[0] = value
  const all = bits[0]!
  const sign = (all >>> 16) & 0x8000
  const exponent = ((all >>> 23) & 0xff) - 127 + 15
  const mantissa = all & 0x7fffff
  if (exponent >= 31) return sign | 0x7c00 | (Number.isNaN(value) ? 0x200 | (mantissa >>> 13) : 0)
  if (exponent > 0) return sign | rounded((exponent << 23) | mantissa, 13)
  return exponent < -10 ? sign : sign | rounded(mantissa | 0x800000, 14 - exponent)
}

/** The value of a half's bits. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 31
  const mantissa = half & 0x3ff
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

/** Without its last bits, to nearest, ties to even; a carry runs into the exponent, where it belongs. */
function rounded(value: number, dropped: number): number {
  const kept = value >>> dropped
  const rest = value & ((1 << dropped) - 1)
  const half = 1 << (dropped - 1)
  return rest > half || (rest === half && kept & 1) ? kept + 1 : kept
}
