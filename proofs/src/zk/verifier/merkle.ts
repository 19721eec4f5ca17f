/** The tree over a matrix's columns, from leaves to its root (docs/zk-soundness.md, section 5). */
import { equalBytes } from '@nacre/verify/bytes'
import { sha256 } from '@noble/hashes/sha2.js'
import { DIGEST_SIZE } from './reader.ts'

const LEAF = 0x00
const NODE = 0x01

/** H(0x00 ‖ u32 rows ‖ u32 index ‖ the column). */
export function leafHash(index: number, column: Uint8Array): Uint8Array {
  const input = new Uint8Array(9 + column.length)
  const view = new DataView(input.buffer)
  input[0] = LEAF
  view.setUint32(1, column.length / 4, true)
  view.setUint32(5, index, true)
  input.set(column, 9)
  return sha256(input)
}

/** Root of a level of the tree, digest after digest. */
export function rootOf(level: Uint8Array): Uint8Array {
  let digests = level
  while (digests.length > DIGEST_SIZE) {
    const above = new Uint8Array(digests.length / 2)
    for (let i = 0; i < above.length; i += DIGEST_SIZE) {
      above.set(nodeHash(digests.subarray(2 * i, 2 * i + 2 * DIGEST_SIZE)), i)
    }
    digests = above
  }
  return digests
}

/** Whether the path leads from a leaf at `index` to its node of the level `top`. */
export function leadsTo(top: Uint8Array, leaf: Uint8Array, index: number, path: Uint8Array): boolean {
  const pair = new Uint8Array(2 * DIGEST_SIZE)
  let [digest, place] = [leaf, index]
  for (let at = 0; at < path.length; at += DIGEST_SIZE, place >>>= 1) {
    const own = place % 2 === 0 ? 0 : DIGEST_SIZE
    pair.set(digest, own)
    pair.set(path.subarray(at, at + DIGEST_SIZE), DIGEST_SIZE - own)
    digest = nodeHash(pair)
  }
  return equalBytes(digest, top.subarray(place * DIGEST_SIZE, (place + 1) * DIGEST_SIZE))
}

/** H(0x01 ‖ left ‖ right). */
function nodeHash(pair: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + pair.length)
  input[0] = NODE
  input.set(pair, 1)
  return sha256(input)
}
