import { p384 } from '@noble/curves/nist.js'
import { expect, test } from 'vitest'
import { add, B, double, doubleOften, findOffset, G, lift, N, negate, oddMultiples, P } from './curve.ts'

test('the curve is the one of FIPS 186-5', () => {
  const { p, n, a, b, Gx, Gy, h } = p384.Point.CURVE()
  expect({ p, n, a, b, h }).toEqual({ p: P, n: N, a: P - 3n, b: B, h: 1n })
  expect({ x: Gx, y: Gy }).toEqual(G)
})

test('multiples are those of another library', () => {
  const multiple = (k: bigint) => p384.Point.BASE.multiply(k).toAffine()
  const odd = oddMultiples(G, 8).points.map(({ x, y }) => ({ x, y }))
  expect(odd).toEqual([1n, 3n, 5n, 7n, 9n, 11n, 13n, 15n].map(multiple))
  expect(doubleOften(G, 192)).toEqual(multiple(2n ** 192n))
  expect(add(G, G).sum).toEqual(double(G).sum)
  expect(add(double(G).sum, negate(G)).sum).toEqual(G)
})

test('opposite points have no affine sum', () => {
  expect(() => add(G, negate(G))).toThrow(RangeError)
})

test('the offset is on the curve, with an even y', () => {
  const { x, y } = findOffset()
  expect(lift(x)).toEqual({ x, y })
  expect(y % 2n).toBe(0n)
})
