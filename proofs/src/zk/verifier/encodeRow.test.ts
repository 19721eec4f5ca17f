import fc from 'fast-check'
import { expect, test } from 'vitest'
import { P } from '../graph/limits.ts'
import { encodeRow } from './encodeRow.ts'
import { add, type K, powF, rootOfUnity, scale, ZERO } from './field.ts'

test('a codeword is its message as a polynomial, at the powers of a root of unity', () => {
  const f = fc.integer({ min: 0, max: P - 1 })
  const element: fc.Arbitrary<K> = fc.tuple(f, f, f, f)
  const row = fc.constantFrom(1, 2, 8, 16).chain(n => fc.array(element, { minLength: n, maxLength: n }))
  fc.assert(
    fc.property(row, message => {
      const n = 4 * message.length
      const root = rootOfUnity(Math.log2(n))
      const expected = Array.from({ length: n }, (_, i) =>
        message.reduce((sum, m, j) => add(sum, scale(m, powF(root, i * j))), ZERO),
      )
      expect(encodeRow(message)).toEqual(expected)
    }),
    { numRuns: 20 },
  )
})
