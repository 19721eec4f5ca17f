/** The commitment to a matrix, docs/zk-soundness.md section 5: codewords of its rows and a tree over their columns. */
import type { MatrixShape } from '../graph/graph.ts'
import { CAP_BITS } from '../graph/limits.ts'
import type { Address, Engine } from './engine.ts'
import { montgomery } from './engine.ts'
import { rootOfUnity } from './field.ts'

export type Commitment = {
  shape: MatrixShape
  /** rows × 4 · 2^c residues. */
  codewords: Address
  /** tree[k] is the level of 2^k digests. */
  tree: Address[]
}

/** Commits to a matrix of rows × 2^c residues. */
export function commit(engine: Engine, matrix: Address, shape: MatrixShape): Commitment {
  const { c, rows } = shape
  const n = 4 * 2 ** c
  const codewords = engine.alloc(4 * rows * n)
  engine.scoped(() => {
    const [cosets, twiddles] = [engine.vector(n / 4), engine.alloc(n)]
    engine.kernels.nttTables(cosets, twiddles, c, montgomery(rootOfUnity(n)))
    engine.kernels.encodeRows(codewords, matrix, rows, c, cosets, twiddles)
  })
  const leaves = engine.alloc(32 * n)
  engine.kernels.sha256Columns(leaves, codewords, rows, n)
  const tree = [leaves]
  for (let size = n / 2; size >= 1; size /= 2) {
    const level = engine.alloc(32 * size)
    engine.kernels.sha256Nodes(level, tree[0]!, size)
    tree.unshift(level)
  }
  return { shape, codewords, tree }
}

export function rootOf(engine: Engine, { tree }: Commitment): Uint8Array {
  return engine.bytes.slice(tree[0]!, tree[0]! + 32)
}

/** Section 8: the 64 nodes, then each position's column and its path, from below. */
export function writeColumns(
  engine: Engine,
  { shape, codewords, tree }: Commitment,
  positions: readonly number[],
  write: (bytes: Uint8Array) => void,
): void {
  const { bytes, words } = engine
  const digests = (level: Address, from: number, count: number): Uint8Array =>
    bytes.subarray(level + 32 * from, level + 32 * (from + count))
  const n = 4 * 2 ** shape.c
  const column = new DataView(new ArrayBuffer(4 * shape.rows))
  write(digests(tree[CAP_BITS]!, 0, 2 ** CAP_BITS))
  for (const position of positions) {
    const first = (codewords >>> 2) + position
    for (let row = 0; row < shape.rows; row++) column.setUint32(4 * row, words[first + row * n]!, true)
    write(new Uint8Array(column.buffer))
    for (let k = tree.length - 1; k > CAP_BITS; k--) {
      write(digests(tree[k]!, (position >>> (tree.length - 1 - k)) ^ 1, 1))
    }
  }
}
