import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { commit as commitSlowly } from '../slow/commit.ts'
import * as slow from '../slow/field.ts'
import * as points from '../slow/points.ts'
import { commit } from './commit.ts'
import { type Address, Engine } from './engine.ts'
import type { K } from './field.ts'

let engine: Engine
beforeAll(async () => {
  engine = await Engine.load()
})

/** Elements of F, those at the edges often. */
const element = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: Number(slow.P) - 1 }) },
  fc.constantFrom(0, 1, Number(slow.P) - 1, Number(slow.P) - 2, 2 ** 27),
)
const ext = fc.tuple(element, element, element, element)
const vectorOf = (n: number): fc.Arbitrary<K[]> => fc.array(ext, { minLength: n, maxLength: n })
const residuesOf = (n: number): fc.Arbitrary<number[]> => fc.array(element, { minLength: n, maxLength: n })
const integersOf = (n: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: -(2 ** 29), max: 2 ** 29 }), { minLength: n, maxLength: n })
/** log2 of a vector's size, then what is made of it. */
const sized = <T>(make: (bits: number) => fc.Arbitrary<T>, min = 1, max = 5): fc.Arbitrary<T> =>
  fc.integer({ min, max }).chain(make)

const big = (k: K): slow.K => k.map(BigInt) as unknown as slow.K
const bigs = (list: readonly K[]): slow.K[] => list.map(big)
const small = (k: slow.K): K => k.map(Number) as unknown as K
const putF = (values: readonly number[]): Address => engine.putIntegers(Int32Array.from(values))
const loads = (at: Address, n: number): slow.K[] =>
  Array.from({ length: n }, (_, i) => big(engine.load(at + 16 * i)))

/** Runs a property in memory that is free again after each case. */
const property = <T>(values: fc.Arbitrary<T>, check: (values: T) => void): void =>
  fc.assert(
    fc.property(values, drawn => engine.scoped(() => check(drawn))),
    { numRuns: 60 },
  )

test('integers to Montgomery form and back', () => {
  property(integersOf(8), values => {
    const at = engine.putIntegers(Int32Array.from(values))
    engine.kernels.fromMont(at, at, 8)
    expect(Array.from(engine.integers(at, 8), BigInt)).toEqual(values.map(slow.toF))
    engine.integers(at, 8).set(values)
    engine.kernels.toResidues(at, at, 8)
    expect(Array.from(engine.integers(at, 8), BigInt)).toEqual(values.map(slow.toF))
  })
})

test('products in K, alone and summed', () => {
  property(fc.tuple(vectorOf(8), vectorOf(8)), ([a, b]) => {
    const [to, from, with_] = [engine.vector(1), engine.put(...a), engine.put(...b)]
    for (const i of a.keys()) {
      engine.kernels.dotExt(to, from + 16 * i, with_ + 16 * i, 1)
      expect(big(engine.load(to))).toEqual(slow.mul(big(a[i]!), big(b[i]!)))
    }
    engine.kernels.dotExt(to, from, with_, 8)
    expect(big(engine.load(to))).toEqual(slow.sum(a.map((x, i) => slow.mul(big(x), big(b[i]!)))))
  })
})

test('scaled sums, halves, gathering and filling', () => {
  property(fc.tuple(vectorOf(4), vectorOf(4), ext), ([a, b, k]) => {
    const [to, from, factor] = [engine.put(...a), engine.put(...b), engine.put(k)]
    engine.kernels.addScaled(to, from, 4, factor)
    const expected = a.map((x, i) => slow.add(big(x), slow.mul(big(k), big(b[i]!))))
    expect(loads(to, 4)).toEqual(expected)
    engine.kernels.sumHalves(to, to, 4)
    expect(loads(to, 2)).toEqual([0, 1].map(i => slow.add(expected[i]!, expected[i + 2]!)))
    const index = engine.alloc(16)
    engine.integers(index, 4).set([3, 0, 3, 1])
    engine.kernels.gather(to, from, index, 4)
    expect(loads(to, 4)).toEqual([3, 0, 3, 1].map(i => big(b[i]!)))
    engine.kernels.fill(to, 4, factor)
    expect(loads(to, 4)).toEqual([k, k, k, k].map(big))
  })
})

test('eq tables, and sums of them', () => {
  property(fc.tuple(sized(vectorOf, 0), ext), ([point, k]) => {
    const expected = points.eqTable(bigs(point)).map(value => slow.mul(big(k), value))
    const n = expected.length
    const table = engine.eqTable(point, k)
    expect(loads(table, n)).toEqual(expected)
    const [r, factor, scratch] = [engine.put(...point), engine.put(k), engine.vector(n)]
    engine.kernels.eqTableAdd(table, r, point.length, factor, scratch)
    expect(loads(table, n)).toEqual(expected.map(value => slow.add(value, value)))
  })
})

test('folds of vectors of K and of F', () => {
  property(
    fc.tuple(
      sized(bits => vectorOf(2 ** bits)),
      ext,
    ),
    ([vector, r]) => {
      const [at, challenge] = [engine.put(...vector), engine.put(r)]
      engine.kernels.foldExt(at, at, vector.length, challenge)
      expect(loads(at, vector.length / 2)).toEqual(points.fold(bigs(vector), big(r)))
      const base = vector.map(([c]) => c)
      engine.kernels.foldBase(at, putF(base), base.length, challenge)
      expect(loads(at, base.length / 2)).toEqual(points.fold(base.map(slow.toK), big(r)))
    },
  )
})

test('matrices of F by vectors of K, from both sides, whatever their sides', () => {
  const sides = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  const cases = sides.chain(([rows, cols]) =>
    fc.tuple(fc.constant({ rows, cols }), residuesOf(rows * cols), vectorOf(rows), vectorOf(cols)),
  )
  property(cases, ([{ rows, cols }, matrix, left, right]) => {
    const at = putF(matrix)
    const entry = (row: number, col: number, k: K): slow.K => slow.scale(matrix[row * cols + col]!, big(k))
    const to = engine.vector(9)
    engine.kernels.dotRows(to, at, rows, cols, engine.put(...left))
    expect(loads(to, cols)).toEqual(right.map((_, col) => slow.sum(left.map((k, row) => entry(row, col, k)))))
    engine.kernels.dotCols(to, at, rows, cols, engine.put(...right))
    expect(loads(to, rows)).toEqual(left.map((_, row) => slow.sum(right.map((k, col) => entry(row, col, k)))))
  })
})

test('fingerprints of a table', () => {
  const parts = fc.tuple(integersOf(4), integersOf(4), integersOf(4))
  property(fc.tuple(parts, ext, ext), ([columns, start, beta]) => {
    const powers = [big(beta), slow.mul(big(beta), big(beta))]
    powers.push(slow.mul(powers[0]!, powers[1]!))
    const addresses = columns.map(values => {
      const at = engine.alloc(16)
      engine.integers(at, 4).set(values)
      return at
    })
    const to = engine.vector(4)
    const [a, b, c] = addresses as [Address, Address, Address]
    engine.kernels.fingerprints(to, a, b, c, 4, engine.put(start), engine.put(...powers.map(small)))
    expect(loads(to, 4)).toEqual(
      columns[0].map((_, i) =>
        powers.reduce((k, power, part) => slow.sub(k, slow.scale(columns[part]![i]!, power)), big(start)),
      ),
    )
  })
})

/** The values at t of the polynomials whose values at 0 and 1 are the halves. */
const at = (vector: readonly K[], t: number): slow.K[] => points.fold(bigs(vector), slow.toK(t))
const sumOver = (factors: slow.K[][]): slow.K =>
  slow.sum(factors[0]!.map((_, i) => slow.product(factors.map(values => values[i]!))))

test('rounds of products of two and of three', () => {
  const vectors = sized(bits => fc.tuple(vectorOf(2 ** bits), vectorOf(2 ** bits), vectorOf(2 ** bits)))
  property(vectors, ([e, a, b]) => {
    const n = a.length
    const [out, atE, atA, atB] = [engine.vector(3), engine.put(...e), engine.put(...a), engine.put(...b)]
    engine.kernels.product2(atA, atB, n, out)
    expect(loads(out, 2)).toEqual([0, 2].map(t => sumOver([at(a, t), at(b, t)])))
    engine.kernels.product3(atE, atA, atB, n, out)
    expect(loads(out, 3)).toEqual([0, 2, 3].map(t => sumOver([at(e, t), at(a, t), at(b, t)])))
    const base = a.map(([c]): K => [c, 0, 0, 0])
    engine.kernels.product2Base(putF(base.map(([c]) => c)), atB, n, out)
    expect(loads(out, 2)).toEqual([0, 2].map(t => sumOver([at(base, t), at(b, t)])))
    engine.kernels.liftAll(out, putF([7, 8]), 2)
    expect(loads(out, 2)).toEqual([slow.toK(7), slow.toK(8)])
  })
})

test('levels of the fractions’ tree, and their rounds', () => {
  const vectors = sized(bits =>
    fc.tuple(vectorOf(2 ** bits), vectorOf(2 ** bits), vectorOf(2 ** bits), vectorOf(2 ** bits)),
  )
  property(vectors, ([p0, s, q0, q1]) => {
    const n = p0.length
    const [a, b, c, d] = [p0, s, q0, q1].map(vector => engine.put(...vector)) as [
      number,
      number,
      number,
      number,
    ]
    const [p, q] = [engine.vector(n / 2), engine.vector(n / 2)]
    engine.kernels.fractionTree(a, c, n, p, q)
    const half = (vector: K[], which: 0 | 1): slow.K[] => at(vector, which)
    const cross = (i: number): slow.K =>
      slow.add(slow.mul(half(p0, 0)[i]!, half(q0, 1)[i]!), slow.mul(half(p0, 1)[i]!, half(q0, 0)[i]!))
    expect(loads(p, n / 2)).toEqual(Array.from({ length: n / 2 }, (_, i) => cross(i)))
    expect(loads(q, n / 2)).toEqual(half(q0, 0).map((x, i) => slow.mul(x, half(q0, 1)[i]!)))

    const eq = engine.put(...p0)
    const out = engine.vector(2)
    engine.kernels.fractionRound(a, b, c, d, eq, n, out)
    const h = (t: number): slow.K => {
      const weights = bigs(p0.slice(0, n / 2))
      return slow.add(sumOver([weights, at(p0, t), at(q1, t)]), sumOver([weights, at(q0, t), at(s, t)]))
    }
    const [h0, leading] = loads(out, 2)
    expect(h0).toEqual(h(0))
    // The second difference of a polynomial of degree 2 is twice its leading coefficient.
    expect(slow.add(leading!, leading!)).toEqual(slow.add(slow.sub(h(2), slow.scale(2, h(1))), h(0)))
  })
})

test('SHA-256 of every length around a block, as in FIPS 180-4', () => {
  for (let length = 0; length < 200; length++) {
    engine.scoped(() => {
      const message = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff)
      const [to, from] = [engine.alloc(32), engine.alloc(length)]
      engine.bytes.set(message, from)
      engine.kernels.sha256(to, from, length)
      const digest = createHash('sha256').update(message).digest()
      expect(engine.bytes.slice(to, to + 32)).toEqual(new Uint8Array(digest))
    })
  }
})

test('code words and trees of matrices of any number of rows', () => {
  for (const [rows, seed] of [
    [1, 1],
    [2, 2],
    [12, 3],
    [13, 4],
    [27, 5],
  ] as const) {
    engine.scoped(() => {
      const c = 6
      const values = Array.from(
        { length: rows * 2 ** c },
        (_, i) => (seed * 7919 * (i + 1) ** 2) % Number(slow.P),
      )
      const matrix = engine.alloc(4 * values.length)
      engine.integers(matrix, values.length).set(values)
      const { codewords, tree } = commit(engine, matrix, { total: values.length, rows, c, mu: 0 })
      const expected = commitSlowly(
        Array.from({ length: rows }, (_, row) => values.slice(row * 2 ** c, (row + 1) * 2 ** c).map(BigInt)),
      )
      const n = 4 * 2 ** c
      expect(Array.from(engine.integers(codewords, rows * n), BigInt)).toEqual(expected.codewords.flat())
      expected.levels.forEach((level, k) => {
        level.forEach((digest, i) => {
          const from = tree[k]! + 32 * i
          expect(engine.bytes.slice(from, from + 32)).toEqual(new Uint8Array(digest))
        })
      })
    })
  }
})
