/** Many multiples of a group's generator, by a table of its multiples by every byte at every place. */
import type { SnarkjsCurve, SnarkjsGroup } from './snarkjs.ts'

const WINDOWS = 32
const DIGITS = 255
/** Points in one pass through the curve's memory. */
const PASS = 4096
const PAGE = 65_536

/** Multiples as affine points in ffjavascript's form (Montgomery's, little-endian; zeros for 0), one behind the other. */
export type FixedBase = (scalars: readonly bigint[]) => Uint8Array

/** @param curve with memory of its own, which it grows: one that was made for a single thread */
export function fixedBase(curve: SnarkjsCurve, group: 'G1' | 'G2'): FixedBase {
  const { tm } = curve
  const bytes = group === 'G1' ? 64 : 128
  const jacobian = (bytes / 2) * 3
  const exports = tm.instance.exports
  const call = (name: string): ((...pointers: number[]) => void) => {
    const found = exports[`${group === 'G1' ? 'g1m' : 'g2m'}_${name}`]
    if (!found) throw new Error(`ffjavascript has no ${name}`)
    return found
  }
  const [zero, addMixed, toAffine] = [call('zero'), call('addMixed'), call('batchToAffine')]
  // As much again as the sums have is what batchToAffine takes for itself.
  grow(tm, WINDOWS * DIGITS * bytes + PASS * (2 * jacobian + bytes))
  const table = tm.alloc(WINDOWS * DIGITS * bytes)
  fillTable(curve[group], (i, point) => tm.setBuff(table + i * bytes, point))
  const [sums, affine] = [tm.alloc(PASS * jacobian), tm.alloc(PASS * bytes)]

  return scalars => {
    const result = new Uint8Array(scalars.length * bytes)
    for (let from = 0; from < scalars.length; from += PASS) {
      const pass = scalars.slice(from, from + PASS)
      for (const [i, scalar] of pass.entries()) {
        const sum = sums + i * jacobian
        zero(sum)
        let left = scalar
        for (let window = 0; left > 0n; window++, left >>= 8n) {
          const digit = Number(left & 0xffn)
          if (digit > 0) addMixed(sum, table + (window * DIGITS + digit - 1) * bytes, sum)
        }
      }
      toAffine(sums, pass.length, affine)
      result.set(tm.getBuff(affine, pass.length * bytes), from * bytes)
    }
    return result
  }
}

/** digit · 256^window · generator, for digits from 1. */
function fillTable(group: SnarkjsGroup, put: (index: number, affine: Uint8Array) => void): void {
  let base = group.g
  for (let window = 0; window < WINDOWS; window++) {
    let multiple = group.zero
    for (let digit = 0; digit < DIGITS; digit++) {
      multiple = group.add(multiple, base)
      put(window * DIGITS + digit, group.toAffine(multiple))
    }
    base = group.add(multiple, base)
  }
}

function grow(tm: SnarkjsCurve['tm'], bytes: number): void {
  const missing = tm.u32[0]! + bytes - tm.memory.buffer.byteLength
  if (missing <= 0) return
  tm.memory.grow(Math.ceil(missing / PAGE))
  tm.u8 = new Uint8Array(tm.memory.buffer)
  tm.u32 = new Uint32Array(tm.memory.buffer)
}
