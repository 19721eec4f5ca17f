import { bytesOfF, H, u8, u32 } from './bytes.ts'
import { type F, P, rootOfUnity } from './field.ts'
import { CAP_LEVEL, type Matrix, type Packed } from './layout.ts'

/** A committed matrix: codewords row by row, and the levels of the tree over their columns, the root first. */
export type Commitment = { codewords: F[][]; levels: Uint8Array[][]; root: Uint8Array }

/** A packed vector, its end filled with zeros to 2^μ elements. */
export function packedVector(items: readonly Packed[], vectors: readonly F[][], { mu }: Matrix): F[] {
  const result = new Array<F>(2 ** mu).fill(0n)
  items.forEach(({ offset }, i) => {
    vectors[i]!.forEach((value, k) => {
      result[offset + k] = value
    })
  })
  return result
}

/** The rows of a packed vector that exist. */
export const rowsOf = (vector: readonly F[], { rows, c }: Matrix): F[][] =>
  Array.from({ length: rows }, (_, row) => vector.slice(row * 2 ** c, (row + 1) * 2 ** c))

/** Enc(m)[i] = Σ_j m_j ω_n^(ij), n = 4 · 2^c (docs/zk-soundness.md, section 5), by Horner's rule at each power of ω. */
export function encodeRow(row: readonly F[]): F[] {
  const n = 4 * row.length
  const root = rootOfUnity(n)
  let power = 1n
  return Array.from({ length: n }, () => {
    const value = row.reduceRight((result, m) => (result * power + m) % P, 0n)
    power = (power * root) % P
    return value
  })
}

/** Codewords, leaves and tree of a matrix. */
export function commit(rows: readonly F[][]): Commitment {
  const codewords = rows.map(encodeRow)
  const columns = codewords[0]!.map((_, i) => columnAt(codewords, i))
  const levels = [columns.map((column, i) => H(u8(0), u32(rows.length), u32(i), bytesOfF(column)))]
  while (levels[0]!.length > 1) {
    const below = levels[0]!
    levels.unshift(below.flatMap((left, i) => (i % 2 === 0 ? [H(u8(1), left, below[i + 1]!)] : [])))
  }
  return { codewords, levels, root: levels[0]![0]! }
}

const columnAt = (codewords: readonly F[][], position: number): F[] =>
  codewords.map(codeword => codeword[position]!)

/** What answers a query: the column, and the hashes beside its path, from below, up to the 64 nodes. */
export function answer({ codewords, levels }: Commitment, position: number): Uint8Array[] {
  const path: Uint8Array[] = []
  let at = position
  for (let level = levels.length - 1; level > CAP_LEVEL; level--) {
    path.push(levels[level]![at % 2 === 0 ? at + 1 : at - 1]!)
    at = Math.floor(at / 2)
  }
  return [bytesOfF(columnAt(codewords, position)), ...path]
}
