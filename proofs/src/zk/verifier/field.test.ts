import fc from 'fast-check'
import { expect, test } from 'vitest'
import { P } from '../graph/limits.ts'
import {
  add,
  addF,
  HALF,
  invF,
  type K,
  mul,
  mulF,
  powers,
  powF,
  rootOfUnity,
  SIXTH,
  sub,
  subF,
  toF,
} from './field.ts'

const p = BigInt(P)
const mod = (value: bigint): number => Number(((value % p) + p) % p)
/** Elements near 0, near p and anywhere. */
const element = fc.oneof(
  fc.nat(64),
  fc.integer({ min: P - 64, max: P - 1 }),
  fc.integer({ min: 0, max: P - 1 }),
)
const extended: fc.Arbitrary<K> = fc.tuple(element, element, element, element)
const many = { numRuns: 3000 }

test('arithmetic of F is that of integers modulo p', () => {
  fc.assert(
    fc.property(element, element, (a, b) => {
      expect(addF(a, b)).toBe(mod(BigInt(a) + BigInt(b)))
      expect(subF(a, b)).toBe(mod(BigInt(a) - BigInt(b)))
      expect(mulF(a, b)).toBe(mod(BigInt(a) * BigInt(b)))
    }),
    many,
  )
})

test('products next to a multiple of p, where the float quotient may be off by one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: P - 1 }), fc.integer({ min: -3, max: 3 }), (a, d) => {
      const target = mod(BigInt(d))
      expect(mulF(a, mulF(invF(a), target))).toBe(target)
    }),
    many,
  )
})

test('integers up to 2^53 - 2^32 are reduced exactly', () => {
  const integer = fc.oneof(
    fc.integer({ min: -(2 ** 53 - 2 ** 32), max: 2 ** 53 - 2 ** 32 }),
    fc
      .tuple(fc.integer({ min: -(2 ** 21), max: 2 ** 21 }), fc.integer({ min: -2, max: 2 }))
      .map(([q, d]) => q * P + d),
  )
  fc.assert(
    fc.property(integer, value => {
      expect(toF(value)).toBe(mod(BigInt(value)))
    }),
    many,
  )
})

test('the product of K is that of polynomials modulo x⁴ - 11', () => {
  fc.assert(
    fc.property(extended, extended, (a, b) => {
      const sums = [0n, 0n, 0n, 0n]
      for (let i = 0; i < 4; i++) {
        for (let j = 0; j < 4; j++) {
          const term = BigInt(a[i]!) * BigInt(b[j]!)
          sums[(i + j) % 4]! += i + j < 4 ? term : 11n * term
        }
      }
      expect(mul(a, b)).toEqual(sums.map(mod))
      expect(sub(add(a, b), b)).toEqual(a)
    }),
    many,
  )
})

test('constants: halves, sixths, roots of unity of every order', () => {
  expect([mulF(2, HALF), mulF(6, SIXTH)]).toEqual([1, 1])
  for (let log = 1; log <= 27; log++) {
    expect(powF(rootOfUnity(log), 2 ** (log - 1))).toBe(P - 1)
  }
  // 11 is no square and p is 1 modulo 4: x⁴ - 11 is irreducible.
  expect(powF(11, (P - 1) / 2)).toBe(P - 1)
  expect(P % 4).toBe(1)
  expect(powers([3, 0, 0, 0], 4).map(([c]) => c)).toEqual([1, 3, 9, 27])
})
