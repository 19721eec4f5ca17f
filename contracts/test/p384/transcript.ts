import { keccak_256 } from '@noble/hashes/sha3.js'
import { power } from './curve.ts'
import {
  bytesOf,
  encodeSchedule,
  encodeSlopes,
  encodeStatement,
  type Hint,
  join,
  numberOf,
  type Statement,
} from './hint.ts'
import type { Relation } from './relations.ts'
import { TAG1, TAG2, TAG3 } from './tags.ts'

/** Steps 3 to 7 of section 5: what is hashed, and what is made of it. A mutant of the contract has other rules. */
export type Rules = {
  h1: (statement: Statement, hint: Hint) => Uint8Array
  h2: (h1: Uint8Array, hint: Hint) => Uint8Array
  /** What coefficients are hashed from: h1. */
  seed: (h1: Uint8Array, statement: Statement, hint: Hint) => Uint8Array
  /** Of H(h1 ‖ id). */
  coefficient: (answer: bigint, ofOperation: boolean) => bigint
  rowId: (row: number, rows: number) => bigint
  rho: (h1: Uint8Array) => bigint
  modulus: (h2: Uint8Array) => bigint
  isPrime: (m: bigint, h2: Uint8Array) => boolean
  keep: (relation: Relation) => boolean
}

export const hash = (...parts: Uint8Array[]): Uint8Array => keccak_256(join(...parts))
export const word = (value: bigint): Uint8Array => bytesOf(value, 32)

const LAST_WORD = (1n << 256n) - 1n
const ROUNDS = 2
/** The number of the first operation's row; each has the next even one. */
const FIRST_OPERATION = 15362

export const partsOfH1 = (statement: Statement, hint: Hint) => ({
  tag: TAG1,
  statement: encodeStatement(statement),
  flags: Uint8Array.of(hint.flags),
  count: Uint8Array.of(hint.operations.length),
  y: bytesOf(hint.y, 48),
  schedule: encodeSchedule(hint.operations),
  slopes: encodeSlopes(hint.slopes),
})

export const partsOfH2 = (h1: Uint8Array, hint: Hint) => ({
  tag: TAG2,
  h1,
  k1: bytesOf(hint.k1, 32),
  k2: bytesOf(hint.k2, 64),
  nonce: bytesOf(hint.nonce, 8),
  k: bytesOf(hint.k, hint.kBytes),
})

/** base^((M-1)/2) is 1 or M - 1; the base is reduced first. */
export function passesRound(m: bigint, base: bigint): boolean {
  const power_ = power(base, m >> 1n, m)
  return power_ === 1n || power_ === m - 1n
}

export const baseOf = (h2: Uint8Array, round: number): bigint =>
  numberOf(hash(h2, word(TAG3 + BigInt(round))))

export const rounds =
  (count: number) =>
  (m: bigint, h2: Uint8Array): boolean =>
    Array.from({ length: count }, (_, i) => i).every(i => passesRound(m, baseOf(h2, i)))

export const DOCUMENTED: Rules = {
  h1: (statement, hint) => hash(...Object.values(partsOfH1(statement, hint))),
  h2: (h1, hint) => hash(...Object.values(partsOfH2(h1, hint))),
  seed: h1 => h1,
  coefficient: answer => answer >> 96n,
  rowId: (row, rows) => BigInt(row < 2 ? row : row === rows - 1 ? 2 : FIRST_OPERATION + 2 * (row - 2)),
  rho: h1 => numberOf(hash(h1, word(LAST_WORD))) >> 96n,
  modulus: h2 => (numberOf(h2) >> 8n) | (1n << 247n) | 3n,
  isPrime: rounds(ROUNDS),
  keep: () => true,
}

/** E, an integer; of relations that a mutant leaves out, nought. */
export function fold(rows: Relation[][], seed: Uint8Array, rules: Rules): bigint {
  const rho = rules.rho(seed)
  return rows.reduce((sum, row, j) => {
    const folded = row.reduce(
      (total, relation) => total * rho + (rules.keep(relation) ? relation.value : 0n),
      0n,
    )
    return sum + folded * coefficientOf(seed, j, rows.length, rules)
  }, 0n)
}

function coefficientOf(seed: Uint8Array, row: number, rows: number, rules: Rules): bigint {
  const answer = numberOf(hash(seed, word(rules.rowId(row, rows))))
  return rules.coefficient(answer, row >= 2 && row < rows - 1)
}
