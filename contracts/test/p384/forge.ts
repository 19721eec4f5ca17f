import {
  chord,
  DOUBLINGS,
  equal,
  inverse,
  mod,
  N,
  negate,
  P,
  type Point,
  step,
  TABLES_OF_G,
  tangent,
} from './curve.ts'
import type { Hint, Operation, Statement } from './hint.ts'
import { type Entry, OFFSET, type Offset, replay, scalarsOf } from './relations.ts'
import { DOCUMENTED, fold, type Rules } from './transcript.ts'

/**
 * A maker of hints that proves whatever it is told to, true or false: any schedule, any slopes, and quotients as a
 * mutant of the contract wants them. What it makes is refused by the real contract for one reason: it is false.
 */
export type Draft = {
  statement: Statement
  flags?: number
  y: bigint
  operations: Operation[]
  slopes: bigint[]
}

export type Making = {
  rules?: Rules
  /** Where the mutant takes its points from. */
  entry?: Entry
  offset?: Offset
  k1?: bigint
  k2?: bigint
  k?: bigint
  kBytes?: number
  /** The first to be tried. */
  nonce?: bigint
  /** How many nonces to try before giving up. */
  tries?: number
  /** What else M must satisfy. */
  suits?: (m: bigint, hint: Hint) => boolean
}

/** Completes a hint: quotients rounded down where they are not whole, and a nonce whose M is prime by the rules. */
export function complete(draft: Draft, making: Making = {}): Hint {
  const { hint, h1 } = prepare(draft, making)
  return withNonce(hint, h1, making)
}

/** A hint but for its nonce. */
export function prepare(draft: Draft, making: Making = {}): { hint: Hint; h1: Uint8Array } {
  const { statement, operations } = draft
  const { v, w, g0, g1 } = scalarsOf(operations)
  const g = g0 + (g1 << 192n)
  const hint: Hint = {
    flags: draft.flags ?? 0,
    y: draft.y,
    operations,
    slopes: draft.slopes,
    k1: making.k1 ?? floorDivide(w * statement.s + v * statement.r, N),
    k2: making.k2 ?? floorDivide(g * statement.s + v * statement.e, N),
    nonce: making.nonce ?? 0n,
    k: 0n,
    kBytes: making.kBytes ?? 512,
  }
  const h1 = (making.rules ?? DOCUMENTED).h1(statement, hint)
  hint.k = making.k ?? floorDivide(foldOf(statement, hint, h1, making), P)
  return { hint, h1 }
}

/** E of a statement and a hint, an integer. */
export function foldOf(statement: Statement, hint: Hint, h1: Uint8Array, making: Making = {}): bigint {
  const rules = making.rules ?? DOCUMENTED
  const { rows } = replay(statement, hint, making.entry, making.offset)
  return fold(rows, rules.seed(h1, statement, hint), rules)
}

/** The hint with the first nonce that makes M pass: so that a changed hint does not merely die in the prime test. */
export function withNonce(hint: Hint, h1: Uint8Array, making: Making = {}): Hint {
  const rules = making.rules ?? DOCUMENTED
  const last = (making.tries ?? 1_000_000) + Number(hint.nonce)
  for (let nonce = hint.nonce; nonce < last; nonce++) {
    const tried = { ...hint, nonce }
    const h2 = rules.h2(h1, tried)
    const m = rules.modulus(h2)
    if (m > 1_000_000n && SMALL_PRIMES.some(q => m % q === 0n) && rules.isPrime === DOCUMENTED.isPrime)
      continue
    if ((making.suits?.(m, tried) ?? true) && rules.isPrime(m, h2)) return tried
  }
  throw new Error('no nonce found')
}

/** Proves again what was changed. */
export function proveAgain(statement: Statement, hint: Hint, making: Making = {}): Hint {
  return withNonce(hint, (making.rules ?? DOCUMENTED).h1(statement, hint), making)
}

/** A slope that differs from the one that the curve has; undefined keeps that one. */
export type Bend = (at: {
  kind: 'double' | 'add'
  /** In which table; the accumulator's steps are in main. */
  where: 'R' | 'Q' | 'main'
  /** Of the table's additions, or of the operations. */
  index: number
  a: Point
  other: Point
}) => bigint | undefined

export type Walk = { slopes: bigint[]; end: Point; tables: Point[][] }

/** The slopes of a schedule modulo p, bent where wanted, and where the accumulator ends. */
export function walk(
  r: Point,
  q: Point,
  operations: Operation[],
  bend: Bend = () => undefined,
  entryOf: Entry = (tables, { table, index }) => tables[table]![index]!,
  start: Point = OFFSET.start,
): Walk {
  const slopes: bigint[] = []
  const move = (kind: 'double' | 'add', where: 'R' | 'Q' | 'main', index: number, a: Point, other: Point) => {
    const slope = bend({ kind, where, index, a, other }) ?? slopeOf(a, other)
    slopes.push(slope)
    return step(a, other[0], slope)
  }
  const table = (where: 'R' | 'Q', point: Point): Point[] => {
    const twice = move('double', where, 0, point, point)
    const entries = [point]
    for (let i = 1; i < 8; i++) entries.push(move('add', where, i, entries[i - 1]!, twice))
    return entries
  }
  const tables = [table('R', r), table('Q', q), ...TABLES_OF_G]
  let a = start
  operations.forEach((operation, i) => {
    for (let k = 0; k < operation.doublings; k++) a = move('double', 'main', i, a, a)
    const entry = entryOf(tables, operation)
    a = move('add', 'main', i, a, operation.subtract ? negate(entry) : entry)
  })
  return { slopes, end: a, tables: tables.map(t => [...t]) }
}

/** The slope that satisfies the relations, if there is one; 0 where the curve has none. */
function slopeOf(a: Point, other: Point): bigint {
  if (equal(a, other)) return a[1] === 0n ? 0n : tangent(a)
  return a[0] === other[0] ? 0n : chord(a, other)
}

/** Digits of a scalar: odd, below 2^(width-1), at least `width` places apart. */
export function digitsOf(scalar: bigint, width: number): { place: number; digit: number }[] {
  const digits: { place: number; digit: number }[] = []
  let rest = scalar < 0n ? -scalar : scalar
  for (let place = 0; rest > 0n; place++, rest >>= 1n) {
    if (!(rest & 1n)) continue
    let digit = Number(rest & ((1n << BigInt(width)) - 1n))
    if (digit >= 1 << (width - 1)) digit -= 1 << width
    rest -= BigInt(digit)
    digits.push({ place, digit: scalar < 0n ? -digit : digit })
  }
  return digits
}

/** A schedule for any v, w and g that fit, with pairs that cancel where more than 12 doublings would follow. */
export function scheduleOf(v: bigint, w: bigint, g: bigint, filler = 2): Operation[] {
  const low = mod(g, 1n << 192n)
  return scheduleOfFour([v, w, low, (g - low) >> 192n], filler)
}

export function scheduleOfFour(scalars: bigint[], filler = 2): Operation[] {
  const digits = scalars.flatMap((scalar, table) =>
    digitsOf(scalar, table < 2 ? 5 : 8).map(({ place, digit }) => ({ place, digit, table })),
  )
  digits.sort((a, b) => b.place - a.place || a.table - b.table)
  const operations: Operation[] = []
  let left = DOUBLINGS
  const pad = (longest: number, until: number): void => {
    while (left - until > longest) {
      const doublings = Math.min(12, left - until)
      operations.push({ doublings, subtract: false, table: filler, index: 0 })
      operations.push({ doublings: 0, subtract: true, table: filler, index: 0 })
      left -= doublings
    }
  }
  for (const { place, digit, table } of digits) {
    pad(12, place)
    operations.push({ doublings: left - place, subtract: digit < 0, table, index: (Math.abs(digit) - 1) / 2 })
    left = place
  }
  pad(0, 0)
  return operations
}

/** v and w of half the size with w ≡ -v u2 mod n. */
export function halves(u2: bigint): { v: bigint; w: bigint } {
  let [r0, r1, t0, t1] = [N, mod(-u2, N), 0n, 1n]
  while (r1 >= 1n << 192n) {
    const quotient = r0 / r1
    ;[r0, r1, t0, t1] = [r1, r0 - quotient * r1, t1, t0 - quotient * t1]
  }
  return { v: t1, w: r1 }
}

/** What an honest maker would send, made here for comparison; R is given, since an attacker often knows it. */
export function honest(statement: Statement, r: Point, flags = 0): Draft {
  const { v, w } = halves(mod(statement.r * inverse(statement.s, N), N))
  const g = mod(-v * statement.e * inverse(statement.s, N), N)
  const operations = scheduleOf(v, w, g)
  const { slopes } = walk(r, [statement.qx, statement.qy], operations)
  return { statement, flags, y: r[1], operations, slopes }
}

export function floorDivide(a: bigint, divisor: bigint): bigint {
  return (a - mod(a, divisor)) / divisor
}

const SMALL_PRIMES = [3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n, 43n, 47n, 53n]
