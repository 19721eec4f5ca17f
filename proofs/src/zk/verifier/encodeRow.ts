/** The Reed–Solomon code of rate 1/4, for a row over K (docs/zk-soundness.md, section 5). */
import { RATE_BITS } from '../graph/limits.ts'
import { addF, type K, mulF, rootOfUnity, subF } from './field.ts'

/** Enc(row)[i] = Σ_j row_j ω_n^(ij), n = 4·row.length; the length is a power of two. */
export function encodeRow(row: readonly K[]): K[] {
  const size = 2 ** RATE_BITS * row.length
  const twiddles = powersOfRoot(size)
  // ω_n is in F: each of the four coefficients is a codeword over F.
  const coefficient = (c: 0 | 1 | 2 | 3): Int32Array => {
    const values = new Int32Array(size)
    row.forEach((element, j) => {
      values[j] = element[c]
    })
    transform(values, twiddles)
    return values
  }
  const [c0, c1, c2, c3] = [coefficient(0), coefficient(1), coefficient(2), coefficient(3)]
  return Array.from({ length: size }, (_, i) => [c0[i]!, c1[i]!, c2[i]!, c3[i]!])
}

/** ω_n^i for i < n/2. */
function powersOfRoot(n: number): Int32Array {
  const root = rootOfUnity(Math.log2(n))
  const powers = new Int32Array(n / 2)
  for (let i = 0, power = 1; i < powers.length; i++, power = mulF(power, root)) powers[i] = power
  return powers
}

/** values[i] becomes Σ_j values[j] ω^(ij), in place: decimation in time. */
function transform(values: Int32Array, twiddles: Int32Array): void {
  reverseBits(values)
  for (let half = 1; half < values.length; half *= 2) {
    const step = twiddles.length / half
    for (let block = 0; block < values.length; block += 2 * half) {
      for (let k = 0; k < half; k++) {
        const low = values[block + k]!
        const high = mulF(values[block + half + k]!, twiddles[k * step]!)
        values[block + k] = addF(low, high)
        values[block + half + k] = subF(low, high)
      }
    }
  }
}

function reverseBits(values: Int32Array): void {
  for (let i = 1, j = 0; i < values.length; i++) {
    let bit = values.length >> 1
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) [values[i], values[j]] = [values[j]!, values[i]!]
  }
}
