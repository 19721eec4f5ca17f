import fc from 'fast-check'
import { expect, test } from 'vitest'
import { append, type Frontier, type Hex, keccak256, proofOf, rootFrom, rootOf, utf8 } from './index.ts'

const leavesOf = (count: number): Hex[] => Array.from({ length: count }, (_, i) => keccak256(utf8(`${i}`)))
const rootOfAll = (leaves: Hex[]): Hex => rootOf(leaves.reduce<Frontier>(append, []))
const pair = (a: Hex, b: Hex): Hex => rootFrom(a, [b])

test('the shape is that of RFC 6962: the left subtree is the largest power of two', () => {
  const [a, b, c, d, e] = leavesOf(5) as [Hex, Hex, Hex, Hex, Hex]
  expect(rootOfAll([a])).toBe(a)
  expect(rootOfAll([a, b])).toBe(pair(a, b))
  expect(rootOfAll([a, b, c])).toBe(pair(pair(a, b), c))
  expect(rootOfAll([a, b, c, d, e])).toBe(pair(pair(pair(a, b), pair(c, d)), e))
})

test('every leaf of a tree of any size has a proof that leads to its root, and no other leaf has that proof', () => {
  const sizes = fc
    .integer({ min: 1, max: 200 })
    .chain(count => fc.tuple(fc.constant(count), fc.nat(count - 1)))
  fc.assert(
    fc.property(sizes, ([count, index]) => {
      const leaves = leavesOf(count)
      const proof = proofOf(leaves, index)
      expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(count)))
      expect(rootFrom(leaves[index]!, proof)).toBe(rootOfAll(leaves))
      expect(rootFrom(keccak256(utf8('another')), proof)).not.toBe(rootOfAll(leaves))
    }),
    { numRuns: 60 },
  )
})

test('a frontier is as long as the binary digits of its number of leaves have ones', () => {
  let frontier: Frontier = []
  leavesOf(130).forEach((leaf, i) => {
    frontier = append(frontier, leaf)
    expect(frontier.length).toBe((i + 1).toString(2).replaceAll('0', '').length)
  })
})
