import { sdkError } from '../../errors.ts'
import { BASE_MULTIPLES, DOUBLINGS, KEY_MULTIPLES, mod, N } from './curve.ts'

/** Which point an operation adds a multiple of: docs/p384-soundness.md, section 3. */
export const TABLE = { r: 0, q: 1, g: 2, g192: 3 } as const

/** `doublings` of the accumulator, then plus or minus [2 index + 1] of the table's point. */
export type Operation = { doublings: number; table: number; index: number; negative: boolean }

/** v R + w Q + (g0 + 2^192 g1) G = O. */
export type Scalars = { v: bigint; w: bigint; g0: bigint; g1: bigint }

export const MAX_OPERATIONS = 200

/** A row of more doublings makes K longer than the contract takes: section 7. */
const MAX_GAP = 12
const MASK_192 = (1n << 192n) - 1n

/** Half-size v and w with w ≡ -v u2, and g ≡ -v u1 modulo N: section 2. */
export function findScalars(u1: bigint, u2: bigint): Scalars {
  let [r0, r1, t0, t1] = [N, mod(-u2, N), 0n, 1n]
  while (r1 >> 192n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  const g = mod(-t1 * u1, N)
  return { v: t1, w: r1, g0: g & MASK_192, g1: g >> 192n }
}

/** @throws NacreError invalid-signature where the scalars are so odd that they need too many operations */
export function schedule({ v, w, g0, g1 }: Scalars): Operation[] {
  const terms = [
    ...termsOf(v, TABLE.r, KEY_MULTIPLES),
    ...termsOf(w, TABLE.q, KEY_MULTIPLES),
    ...termsOf(g0, TABLE.g, BASE_MULTIPLES),
    ...termsOf(g1, TABLE.g192, BASE_MULTIPLES),
  ].sort((a, b) => b.position - a.position || a.table - b.table)

  const operations: Operation[] = []
  let left = DOUBLINGS
  const descend = (position: number): number => {
    for (; left - position > MAX_GAP; left -= MAX_GAP) operations.push(...pair(MAX_GAP))
    const doublings = left - position
    left = position
    return doublings
  }
  for (const { position, ...term } of terms) operations.push({ doublings: descend(position), ...term })
  if (left > 0) operations.push(...pair(descend(0)))
  if (operations.length > MAX_OPERATIONS)
    throw sdkError('invalid-signature', `the signature needs ${operations.length} operations`)
  return operations
}

/** Two bytes each. */
export function encodeOperation({ doublings, table, index, negative }: Operation): number {
  return (doublings << 12) | (negative ? 0x800 : 0) | (table << 9) | index
}

type Term = Omit<Operation, 'doublings'> & { position: number }

/** Signed odd digits below twice the number of multiples, none less than log2 of that apart (w-NAF). */
function termsOf(scalar: bigint, table: number, multiples: number): Term[] {
  const window = BigInt(4 * multiples)
  const terms: Term[] = []
  const sign = scalar < 0n
  let [rest, position] = [sign ? -scalar : scalar, 0]
  for (; rest > 0n; rest >>= 1n, position++) {
    if (!(rest & 1n)) continue
    const low = rest % window
    const digit = low < window / 2n ? low : low - window
    rest -= digit
    const size = digit < 0n ? -digit : digit
    terms.push({ position, table, index: Number((size - 1n) / 2n), negative: sign !== digit < 0n })
  }
  return terms
}

/** Adds R and takes it away again: ends a row. */
function pair(doublings: number): Operation[] {
  const plus = { doublings, table: TABLE.r, index: 0, negative: false }
  return [plus, { ...plus, doublings: 0, negative: true }]
}
