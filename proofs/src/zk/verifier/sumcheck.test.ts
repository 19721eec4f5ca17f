import fc from 'fast-check'
import { expect, test } from 'vitest'
import { P } from '../graph/limits.ts'
import { add, type K, mul, sub, toK, ZERO } from './field.ts'
import { interpolate } from './sumcheck.ts'

const f = fc.integer({ min: 0, max: P - 1 })
const element: fc.Arbitrary<K> = fc.tuple(f, f, f, f)

test('a polynomial of degree 2 or 3 is known by its values at 0, 1, 2 and 3', () => {
  const polynomial = fc
    .constantFrom(2, 3)
    .chain(degree => fc.array(element, { minLength: degree + 1, maxLength: degree + 1 }))
  fc.assert(
    fc.property(polynomial, element, (coefficients, r) => {
      const at = (x: K): K => coefficients.reduceRight((value, c) => add(mul(value, x), c), ZERO)
      const values = coefficients.map((_, i) => at(toK(i)))
      expect(interpolate(values, r)).toEqual(at(r))
      expect(sub(interpolate(values, toK(1)), values[1]!)).toEqual(ZERO)
    }),
    { numRuns: 200 },
  )
})
