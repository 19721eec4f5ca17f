import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as slow from '../slow/field.ts'
import * as slowPoints from '../slow/points.ts'
import { interpolate as slowRound } from '../slow/sumcheck.ts'
import { createTranscript } from '../slow/transcript.ts'
import { Engine } from './engine.ts'
import * as field from './field.ts'
import { eqOne, lessThan, paddedIndices, valid } from './points.ts'
import { quadraticAt } from './sumcheck.ts'
import { Transcript } from './transcript.ts'

const element = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: field.P - 1 }) },
  fc.constantFrom(0, 1, field.P - 1, field.P - 2, 65535, 65536, 2 ** 27),
)
const ext = fc.tuple(element, element, element, element)
const big = (k: field.K): slow.K => k.map(BigInt) as unknown as slow.K
const property = (arbitraries: fc.Arbitrary<field.K>[], check: (...k: field.K[]) => void): void =>
  fc.assert(fc.property(fc.tuple(...arbitraries), k => check(...k)))

test('products in F, next to multiples of p too', () => {
  fc.assert(
    fc.property(element, element, (a, b) => {
      expect(BigInt(field.mulF(a, b))).toBe((BigInt(a) * BigInt(b)) % slow.P)
      const inverse = Number(slow.inverseF(BigInt(a)))
      expect(field.mulF(a, inverse)).toBe(a === 0 ? 0 : 1)
      expect(field.mulF(a, field.P - inverse)).toBe(a === 0 ? 0 : field.P - 1)
    }),
  )
})

test('sums, products and inverses in K', () => {
  property([ext, ext, ext], (a, b, t) => {
    const [x, y] = [big(a!), big(b!)]
    expect(big(field.add(a!, b!))).toEqual(slow.add(x, y))
    expect(big(field.sub(a!, b!))).toEqual(slow.sub(x, y))
    expect(big(field.mul(a!, b!))).toEqual(slow.mul(x, y))
    expect(big(field.interpolate(a!, b!, t!))).toEqual(slow.add(x, slow.mul(big(t!), slow.sub(y, x))))
    expect(big(eqOne(a!, b!))).toEqual(slowPoints.eq([x], [y]))
    expect(big(field.scale(a!, b![0]))).toEqual(slow.scale(b![0], x))
    expect(field.mul(a!, field.inverse(a!))).toEqual(field.isZero(a!) ? field.ZERO : field.ONE)
  })
})

test('a round’s polynomial at a challenge', () => {
  property([ext, ext, ext, ext], (g0, g1, g2, r) => {
    expect(big(quadraticAt(g0!, g1!, g2!, r!))).toEqual(slowRound([g0!, g1!, g2!].map(big), big(r!)))
  })
})

test('LT and Valid', () => {
  property([ext, ext, ext, ext, ext], (...r) => {
    const point = r.map(big)
    for (const n of [1, 2, 3, 4, 5, 7, 8]) {
      expect(big(lessThan(n, r.slice(0, 3)))).toEqual(slowPoints.LT(n, point.slice(0, 3)))
    }
    expect(big(valid([3, 5], r))).toEqual(slowPoints.Valid([3, 5], point))
  })
})

test('padded indices', () => {
  expect([...paddedIndices([])]).toEqual([0])
  expect([...paddedIndices([2, 3])]).toEqual([0, 1, 2, 4, 5, 6])
  expect([...paddedIndices([3, 1, 2])]).toEqual([0, 1, 2, 3, 4, 5])
})

test('the transcript is the slow one’s', async () => {
  const [ours, theirs] = [new Transcript(await Engine.load()), createTranscript()]
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{0,12}$/), fc.uint8Array({ maxLength: 300 }), (label, data) => {
      ours.absorb(label, data)
      theirs.absorb(label, data)
      const expected = theirs.challenge(label, 3)
      expect(ours.challenge(label).elements(3).map(big)).toEqual(expected)
    }),
    { numRuns: 30 },
  )
})
