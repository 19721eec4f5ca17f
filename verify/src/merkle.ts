import { concat, fromHex, type Hex } from './bytes.ts'
import { keccak256 } from './hash.ts'

/**
 * A Merkle tree that grows leaf by leaf: the roots of its complete subtrees, largest first. Its shape is that of RFC 6962
 * (section 2.1); pairs are hashed in ascending order, as contracts check them, so that a proof names no sides.
 */
export type Frontier = readonly { height: number; hash: Hex }[]

/** The frontier with one more leaf. */
export function append(frontier: Frontier, leaf: Hex): Frontier {
  const rest = [...frontier]
  let top = { height: 0, hash: leaf }
  while (rest.at(-1)?.height === top.height) {
    const { height, hash } = rest.pop()!
    top = { height: height + 1, hash: hashPair(hash, top.hash) }
  }
  return [...rest, top]
}

/** Root of the leaves appended; one at least. */
export function rootOf(frontier: Frontier): Hex {
  return frontier.map(({ hash }) => hash).reduceRight((right, left) => hashPair(left, right))
}

/** Hashes beside the path from a leaf to the root, from below. */
export function proofOf(leaves: readonly Hex[], index: number): Hex[] {
  if (leaves.length <= 1) return []
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1))
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return index < split
    ? [...proofOf(left, index), rootOf(right.reduce(append, [] as Frontier))]
    : [...proofOf(right, index - split), rootOf(left.reduce(append, [] as Frontier))]
}

/** Root that a leaf and its proof lead to. @throws NacreError invalid-hex */
export function rootFrom(leaf: Hex, proof: readonly Hex[]): Hex {
  return proof.reduce(hashPair, leaf)
}

/** Lower-case hex of one length has the order of the bytes. */
function hashPair(a: Hex, b: Hex): Hex {
  const [low, high] = a < b ? [a, b] : [b, a]
  return keccak256(concat(fromHex(low, 32), fromHex(high, 32)))
}
