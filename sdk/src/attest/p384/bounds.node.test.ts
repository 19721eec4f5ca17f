import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** The numbers of docs/p384-soundness.md, section 6, computed here and read there: the two cannot differ. */
const page = readFileSync(join(import.meta.dirname, '../../../../docs/p384-soundness.md'), 'utf8')
const section = page.slice(page.indexOf('## 6.'), page.indexOf('## 7.'))

const ROUNDS = 2
const DOUBLINGS = 193n
const OPERATIONS = 200n
/** Of an operation: its doublings, and an addition's two. */
const RELATIONS = 17
const COEFFICIENT_BITS = 160n
/** Any 48-byte number is below it. */
const NUMBER = 1n << 384n
const SQUARE = NUMBER * NUMBER
/** M has 248 bits, of which three are fixed. */
const MODULUS_BITS = 248
const CHOICES = 245
const K_BITS = 4096n
const ORDER_BITS = 384n

const x = largestX()
const y = largestY()
const relation = largestRelation()
const e = largestE()
const kp = 1n << (K_BITS - 1n + ORDER_BITS)
const d = e + kp
/** Of w s + v r - k1 n, and of g s + v e - k2 n. */
const SCALARS = [
  (1n << 592n) * 2n + (1n << (255n + 384n)),
  (1n << 401n) * NUMBER + (1n << 592n) + (1n << (511n + 384n)),
]

test('sizes of coordinates, relations, E and D', () => {
  expectBound(bits(tableX()), figure(/table entries have \|x\| < 2\^(\d+)/))
  expectBound(bits(x), figure(/so \|x\| < 2\^(\d+)/))
  expectBound(bits(y), figure(/\|y\| < 2\^(\d+)/))
  expectBound(bits(relation), figure(/every relation is below 2\^(\d+)/))
  expectBound(bits(e), figure(/\|E\| < 2\^(\d+)/))
  expectBound(bits(kp), figure(/\|K p\| < 2\^(\d+)/))
  expectBound(bits(d), figure(/\|D\| < 2\^(\d+)/))
  expectBound(Math.min(...SCALARS.map(bits)), figure(/non-zero integer below 2\^(\d+)/))
  expectBound(Math.max(...SCALARS.map(bits)), figure(/or `g s \+ v e - k2 n` one below 2\^(\d+)/))
})

test('the fold: at most 16 values of rho and one coefficient', () => {
  const values = figure(/probability at most (\d+) \/ 2\^160/)
  expect(values).toBe(RELATIONS)
  // the last digit is rounded towards the worse
  expect(Math.ceil((Math.log2(values) - Number(COEFFICIENT_BITS)) * 10) / 10).toBe(
    figure(/\*\*2\^(-155\.\d)\*\*/),
  )
})

test('a prime M: how many of its size divide what they must', () => {
  const primes = (value: bigint): number => Math.floor(bits(value) / (MODULUS_BITS - 1))
  expect(primes(1n << BigInt(figure(/\|D\| < 2\^(\d+)/)))).toBe(figure(/has at most (\d+) prime factors/))
  const all = [d, ...SCALARS].map(primes).reduce((a, c) => a + c, 0)
  expect(all).toBe(figure(/probability at most (\d+) \/ 2\^245/))
  expect(Math.log2(all) - CHOICES).toBeLessThan(figure(/2\^245 < \*\*2\^(-\d+)\*\*/))
})

test('a composite M: Rankin’s bound and a fractional knapsack, for one round to three', () => {
  for (const rounds of [1, 2, 3]) {
    const claimed = figure(new RegExp(`\\| (?:\\*\\*)?${rounds}(?:\\*\\*)? \\| (?:\\*\\*)?2\\^(-\\d+)`))
    const computed = sumOfPowers(sizes().map(size => composite(size, rounds)))
    expect(computed).toBeLessThanOrEqual(claimed)
    expect(computed).toBeGreaterThan(claimed - 1)
  }
  expect(figure(/With the best σ it is \*\*2\^(-\d+)\*\*/)).toBe(
    figure(new RegExp(`\\| \\*\\*${ROUNDS}\\*\\* \\| \\*\\*2\\^(-\\d+)`)),
  )
})

test('all together: every query, and the guesses of a hash', () => {
  const fold = Math.log2(RELATIONS) - Number(COEFFICIENT_BITS)
  const perQuery = figure(/probability at most T · 2\^(-\d+)/)
  // one query is of h1 or of h2
  const ofH2 = sumOfPowers([
    ...sizes().map(size => composite(size, ROUNDS)),
    figure(/2\^245 < \*\*2\^(-\d+)\*\*/),
  ])
  expect(Math.max(fold, ofH2)).toBeLessThanOrEqual(perQuery)
  const queries = 70 + Math.log2(365.25 * 86_400)
  expect(queries).toBeLessThanOrEqual(95)
  const total = sumOfPowers([95 + perQuery, 2 * 95 - 256])
  expect(total).toBeLessThanOrEqual(figure(/\(2\^95\), 2\^(-\d+)/))
})

/** The page rounds up, but not by far. */
function expectBound(computed: number, claimed: number): void {
  expect(computed).toBeLessThanOrEqual(claimed)
  expect(computed).toBeGreaterThan(claimed - 10)
}

/** A figure of the page; there must be one. */
function figure(pattern: RegExp): number {
  const found = pattern.exec(section)?.[1]
  if (found === undefined) throw new Error(`the page does not say ${pattern}`)
  return Number(found)
}

/** Of the three numbers of which M must divide one; of D as the page has it. */
const sizes = (): number[] => [figure(/\|D\| < 2\^(\d+)/), ...SCALARS.map(bits)]

/** The least k with value < 2^k. */
function bits(value: bigint): number {
  return value.toString(2).length
}

/** [15]T: a doubling, then seven times L² less the last and [2]T. */
function tableX(): bigint {
  const twice = SQUARE + 2n * NUMBER
  let entry = NUMBER
  for (let i = 1; i < 8; i++) entry = SQUARE + entry + twice
  return entry
}

/** Additions first: they gain most from the doublings after them. */
function largestX(): bigint {
  let result = NUMBER
  for (let i = 0n; i < OPERATIONS; i++) result = SQUARE + result + tableX()
  for (let i = 0n; i < DOUBLINGS; i++) result = SQUARE + 2n * result
  return result
}

/** Each of the steps, tables' included, adds at most a slope times two coordinates. */
function largestY(): bigint {
  return (OPERATIONS + DOUBLINGS) * NUMBER * 2n * x + NUMBER
}

function largestRelation(): bigint {
  const tableY = 9n * NUMBER * 2n * tableX() + NUMBER
  const curve = NUMBER ** 2n + NUMBER ** 3n + 4n * NUMBER
  const double = 2n * NUMBER * y + 3n * x * x + 3n
  const add1 = NUMBER * (x + tableX()) + y + tableY
  const add2 = NUMBER * (y + tableY) + x * x + x * tableX() + tableX() ** 2n + 3n
  return [curve, double, add1, add2, x + NUMBER, y + NUMBER].reduce((a, c) => (a > c ? a : c))
}

/** All rows are as long as the longest, all relations as large as the largest. */
function largestE(): bigint {
  let row = 0n
  for (let i = 0; i < RELATIONS; i++) row = (row << COEFFICIENT_BITS) + relation
  return (row << COEFFICIENT_BITS) * (OPERATIONS + 3n)
}

/** log2 of a sum of powers of two. */
function sumOfPowers(exponents: number[]): number {
  return Math.log2(exponents.reduce((sum, exponent) => sum + 2 ** (exponent + 100), 0)) - 100
}

/**
 * log2 of the probability that M is composite, divides a number of so many bits, and passes: for the best of some σ. Each
 * of them gives a bound.
 */
function composite(size: number, rounds: number): number {
  const tried = Array.from({ length: 80 }, (_, i) => (i + 1) / 80)
  return Math.min(...tried.map(sigma => rankin(size, rounds, sigma)))
}

const SIEVE = 20_000
const PRIMES = oddPrimesBelow(SIEVE)

function rankin(size: number, rounds: number, sigma: number): number {
  const items = PRIMES.map(q => ({ gain: gainOf(q, oddPart(q - 1), rounds, sigma), cost: Math.log2(q) }))
  items.sort((a, b) => b.gain / b.cost - a.gain / a.cost)
  // beyond the sieve q' is at most (q - 1) / 2, and what a bit gains only falls
  const beyond = gainOf(SIEVE, SIEVE / 2, rounds, sigma) / Math.log2(SIEVE)
  let left = size
  let gained = 0
  for (const { gain, cost } of items) {
    if (gain / cost < beyond) return Number.POSITIVE_INFINITY
    if (cost >= left) {
      const bias = rounds * Math.log2(1 + 2 ** -8)
      return MODULUS_BITS * sigma + rounds - CHOICES + bias + gained + (gain * left) / cost
    }
    left -= cost
    gained += gain
  }
  return Number.POSITIVE_INFINITY
}

/** log2(1 + Σ q^(-aσ) (q'/q^a)^rounds), the geometric series summed. */
function gainOf(q: number, odd: number, rounds: number, sigma: number): number {
  return Math.log2(1 + (q ** -sigma * (odd / q) ** rounds) / (1 - q ** (-sigma - rounds)))
}

function oddPart(value: number): number {
  return value % 2 === 0 ? oddPart(value / 2) : value
}

function oddPrimesBelow(bound: number): number[] {
  const composites = new Uint8Array(bound)
  const primes: number[] = []
  for (let q = 3; q < bound; q += 2) {
    if (composites[q]) continue
    primes.push(q)
    for (let multiple = q * q; multiple < bound; multiple += 2 * q) composites[multiple] = 1
  }
  return primes
}
