import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bits, P } from '../graph/limits.ts'
import { add, equal, type K, mix, mul, ONE, toK, ZERO } from './field.ts'
import {
  elementWeights,
  eq,
  eqAt,
  eqTable,
  extension,
  lessThan,
  reshapeSum,
  valid,
  weighted,
  windowSum,
} from './points.ts'

const runs = { numRuns: 40 }
const f = fc.integer({ min: 0, max: P - 1 })
const element: fc.Arbitrary<K> = fc.tuple(f, f, f, f)
const pointOf = (length: number): fc.Arbitrary<K[]> =>
  fc.array(element, { minLength: length, maxLength: length })
const sum = (terms: K[]): K => terms.reduce(add, ZERO)
const product = (factors: K[]): K => factors.reduce(mul, ONE)
const vertex = (index: number, length: number): K[] =>
  Array.from({ length }, (_, i) => toK(Math.floor(index / 2 ** (length - 1 - i)) % 2))

/** The definition: halves are folded, the most significant coordinate first. */
function fold(vector: readonly K[], r: readonly K[]): K {
  const [first, ...rest] = r
  if (!first) return vector[0]!
  const half = vector.length / 2
  return fold(
    Array.from({ length: half }, (_, i) => mix(vector[i]!, vector[i + half]!, first)),
    rest,
  )
}

/** Indices of a tensor's true elements, row-major. */
function indices(dims: readonly number[]): number[][] {
  return dims.reduce<number[][]>(
    (all, dim) => all.flatMap(at => Array.from({ length: dim }, (_, i) => [...at, i])),
    [[]],
  )
}

function paddedIndex(dims: readonly number[], at: readonly number[]): number {
  return dims.reduce((index, dim, i) => index * 2 ** bits(dim) + at[i]!, 0)
}

const dimensions = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 })
const totalBits = (dims: readonly number[]): number => dims.reduce((total, dim) => total + bits(dim), 0)
const tensor = dimensions.chain(dims => fc.tuple(fc.constant(dims), pointOf(totalBits(dims))))

/** A vector over padded indices with 1 at the true ones, or what `value` says. */
function padded(dims: readonly number[], value: (i: number) => K = () => ONE): K[] {
  const vector = Array.from({ length: 2 ** totalBits(dims) }, () => ZERO)
  indices(dims).forEach((at, i) => {
    vector[paddedIndex(dims, at)] = value(i)
  })
  return vector
}

test('eq, at points, at vertices and as a table', () => {
  const pair = fc.nat(5).chain(length => fc.tuple(pointOf(length), pointOf(length)))
  fc.assert(
    fc.property(pair, ([r, s]) => {
      const table = eqTable(r)
      expect(table.map((_, i) => eq(r, vertex(i, r.length)))).toEqual(table)
      expect(table.map((_, i) => eqAt(r, i))).toEqual(table)
      expect(eq(r, s)).toEqual(fold(table, s))
      for (let count = 1; count <= table.length; count++) {
        expect(eqTable(r, count)).toEqual(table.slice(0, count))
      }
    }),
    runs,
  )
})

test('LT_n is the extension of [i < n], for every n', () => {
  fc.assert(
    fc.property(fc.nat(5).chain(pointOf), r => {
      const table = eqTable(r)
      const [from, to] = [r.length === 0 ? 1 : 2 ** (r.length - 1) + 1, 2 ** r.length]
      for (let n = from; n <= to; n++) expect(lessThan(n, r)).toEqual(sum(table.slice(0, n)))
      for (let n = 1; n <= to; n++) expect(lessThan(n, r)).toEqual(sum(table.slice(0, n)))
    }),
    runs,
  )
})

test('Valid, and the weights of the true elements in row-major order', () => {
  fc.assert(
    fc.property(tensor, ([dims, r]) => {
      expect(valid(dims, r)).toEqual(fold(padded(dims), r))
      const { outer, inner } = elementWeights(dims, r)
      const table = eqTable(r)
      expect(outer.flatMap(a => inner.map(b => mul(a, b)))).toEqual(
        indices(dims).map(at => table[paddedIndex(dims, at)]!),
      )
    }),
    runs,
  )
})

test('the extension of integers, negative ones too', () => {
  const cases = tensor.chain(([dims, r]) => {
    const count = indices(dims).length
    const value = fc.integer({ min: -(2 ** 29), max: 2 ** 29 })
    return fc.tuple(
      fc.constant(dims),
      fc.constant(r),
      fc.array(value, { minLength: count, maxLength: count }),
    )
  })
  fc.assert(
    fc.property(cases, ([dims, r, values]) => {
      expect(extension(Int32Array.from(values), dims, r)).toEqual(
        fold(
          padded(dims, i => toK(values[i]!)),
          r,
        ),
      )
    }),
    runs,
  )
  expect(weighted(new Uint32Array([P - 1]), [ONE])).toEqual(toK(-1))
})

test('G counts exactly the outputs, taps and inputs that meet', () => {
  const window = fc
    .record({
      kernel: fc.integer({ min: 1, max: 4 }),
      inputs: fc.integer({ min: 1, max: 6 }),
      stride: fc.integer({ min: 1, max: 3 }),
      pad: fc.nat(3),
      after: fc.nat(3),
    })
    .map(w => ({ ...w, outputs: Math.floor((w.inputs + w.pad + w.after - w.kernel) / w.stride) + 1 }))
    .filter(w => w.outputs >= 1)
  const cases = window.chain(w =>
    fc.tuple(fc.constant(w), pointOf(bits(w.outputs)), pointOf(bits(w.kernel)), pointOf(bits(w.inputs))),
  )
  fc.assert(
    fc.property(cases, ([w, out, kernel, input]) => {
      const terms = indices([w.outputs, w.kernel, w.inputs])
        .filter(([o, k, i]) => i === o! * w.stride + k! - w.pad)
        .map(([o, k, i]) => product([eqAt(out, o!), eqAt(kernel, k!), eqAt(input, i!)]))
      expect(windowSum(w, out, kernel, input)).toEqual(sum(terms))
    }),
    runs,
  )
})

test('N moves element after element, whatever the padding', () => {
  const shapes = fc.constantFrom<[number[], number[]][]>(
    [[12], [3, 4]],
    [[3, 4], [12]],
    [
      [2, 3, 5],
      [5, 6],
    ],
    [
      [6, 5],
      [3, 2, 5, 1],
    ],
    [[1], [1, 1]],
    [
      [7, 3],
      [3, 7],
    ],
  )
  const cases = shapes.chain(([from, to]) =>
    fc.tuple(fc.constant(from), fc.constant(to), pointOf(totalBits(from)), pointOf(totalBits(to))),
  )
  fc.assert(
    fc.property(cases, ([from, to, i, s]) => {
      const [source, target] = [indices(from), indices(to)]
      const terms = source.map((at, j) =>
        mul(eqAt(i, paddedIndex(from, at)), eqAt(s, paddedIndex(to, target[j]!))),
      )
      expect(equal(reshapeSum(from, i, to, s), sum(terms))).toBe(true)
    }),
    runs,
  )
})
