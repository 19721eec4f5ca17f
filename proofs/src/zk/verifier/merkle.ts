/** The tree over a matrix's columns, from leaves to its root (docs/zk-soundness.md, section 5). */
import { equalBytes } from '@nacre/verify/bytes'
import { DIGEST_SIZE } from './reader.ts'
import { sha256 } from './sha256.ts'

const LEAF = 0x00
const NODE = Uint8Array.of(0x01)

/** H(0x00 ‖ u32 rows ‖ u32 index ‖ the column). */
export function leafHash(index: number, column: Uint8Array): Uint8Array {
  const head = new Uint8Array(9)
  const view = new DataView(head.buffer)
  head[0] = LEAF
  view.setUint32(1, column.length / 4, true)
  view.setUint32(5, index, true)
  return sha256(head, column)
}

/** Root of a level of the tree, digest after digest. */
export function rootOf(level: Uint8Array): Uint8Array {
  let digests = level
  while (digests.length > DIGEST_SIZE) {
    const above = new Uint8Array(digests.length / 2)
    for (let i = 0; i < above.length; i += DIGEST_SIZE) {
      above.set(sha256(NODE, digests.subarray(2 * i, 2 * i + 2 * DIGEST_SIZE)), i)
    }
    digests = above
  }
  return digests
}

/** Whether the path leads from a leaf at `index` to its node of the level `top`. */
export function leadsTo(top: Uint8Array, leaf: Uint8Array, index: number, path: Uint8Array): boolean {
  let [digest, place] = [leaf, index]
  for (let at = 0; at < path.length; at += DIGEST_SIZE, place >>>= 1) {
    const beside = path.subarray(at, at + DIGEST_SIZE)
    digest = place % 2 === 0 ? sha256(NODE, digest, beside) : sha256(NODE, beside, digest)
  }
  return equalBytes(digest, top.subarray(place * DIGEST_SIZE, (place + 1) * DIGEST_SIZE))
}
