import { afterPairs, anyPoint, closed, digestOf, FORGED, loose, signed, universal, VICTIM } from '../cases.ts'
import { combine, F, G, inverse, mod, multiply, N, S, sure } from '../curve.ts'
import {
  complete,
  type Draft,
  halves,
  prepare,
  scheduleOf,
  scheduleOfFour,
  walk,
  withNonce,
} from '../forge.ts'
import type { Operation, Statement } from '../hint.ts'
import type { Entry } from '../relations.ts'
import type { Attack, Mutant } from './mutant.ts'

/** Steps 8 to 10: the schedule, the scalars, and the end of the fold. */
export const SCALARS: Mutant[] = [
  {
    step: 8,
    check: 'an index of R’s or Q’s table is below 8',
    edits: [['if gt(index, 7) { refuseSchedule() }', '']],
    kind: 'forgery',
    original: 'InvalidSchedule',
    // what is counted as [17]R is Q
    attack: () => misplaced({ table: 0, index: 8 }, { table: 1, index: 0 }, { v: -17n, w: 1n, g: 0n }),
  },
  {
    step: 8,
    check: 'an index of G’s tables is below 64',
    edits: [['if gt(index, 63) { refuseSchedule() }', '']],
    kind: 'forgery',
    original: 'InvalidSchedule',
    // what is counted as [129]G is [2^192]G
    attack: () =>
      misplaced({ table: 2, index: 64 }, { table: 3, index: 0 }, { v: 0n, w: 0n, g: (1n << 192n) - 129n }),
  },
  {
    step: 8,
    check: 'no more than 193 doublings (implied by the next; it bounds the work)',
    edits: [['if gt(doublings, mload(LEFT)) { refuseSchedule() }', '']],
    kind: 'refusal',
    original: 'InvalidSchedule',
    mutant: 'InvalidSchedule',
    attack: () => {
      const draft = universal()
      draft.operations.splice(0, 1, { ...draft.operations[0]!, doublings: 15 })
      return { statement: draft.statement, hint: complete(draft) }
    },
  },
  {
    step: 8,
    check: 'no fewer than 193 doublings',
    edits: [['if mload(LEFT) { refuseSchedule() }', '']],
    kind: 'forgery',
    original: 'InvalidSchedule',
    attack: early,
  },
  {
    step: 9,
    check: 'v ≠ 0',
    edits: [['if (v == 0) revert InvalidSchedule();', '']],
    kind: 'forgery',
    original: 'InvalidSchedule',
    attack: () => {
      const point = anyPoint(digestOf('any r') >> 1n)
      const statement = { e: FORGED, r: point[0], s: 42n, qx: VICTIM[0], qy: VICTIM[1] }
      const operations = afterPairs(193)
      const { slopes } = walk(point, VICTIM, operations)
      return { statement, hint: complete({ statement, y: point[1], operations, slopes }) }
    },
  },
  {
    step: 9,
    check: 'w s + v r = k1 n',
    edits: [['holds := eq(sum, mulmod(signed(mload(K1), m), n, m))', 'holds := 1']],
    kind: 'forgery',
    original: 'NotProven',
    attack: () => falseScalars(a => mod(FORGED * inverse(a, N), N)),
  },
  {
    step: 9,
    check: 'g s + v e = k2 n',
    edits: [['holds := and(holds, eq(sum, mulmod(k2, n, m)))', '']],
    kind: 'forgery',
    original: 'NotProven',
    attack: () => falseScalars((_, r) => r),
  },
  {
    step: 10,
    check: 'E = K p',
    edits: [['holds := eq(mload(TOTAL), mulmod(k, p, m))', 'holds := 1']],
    kind: 'forgery',
    original: 'NotProven',
    attack: () => {
      const draft = universal()
      return { statement: draft.statement, hint: complete(draft) }
    },
  },
  ...signs(),
]

type Signs = { v: bigint; w: bigint; g0: bigint; g1: bigint; k1: bigint; k2: bigint; k: bigint }

/** Quotients and scalars have a sign; without it an honest hint with a negative one is refused. */
function signs(): Mutant[] {
  const texts: [keyof Signs, string, string][] = [
    ['v', 'signed(v, m)', 'v'],
    ['w', 'let w := signed(mload(add(SCALARS, 0x20)), m)', 'let w := mload(add(SCALARS, 0x20))'],
    ['g0', 'signed(mload(add(SCALARS, 0x40)), m)', 'mload(add(SCALARS, 0x40))'],
    ['g1', 'let g := signed(mload(add(SCALARS, 0x60)), m)', 'let g := mload(add(SCALARS, 0x60))'],
    ['k1', 'mulmod(signed(mload(K1), m), n, m)', 'mulmod(mload(K1), n, m)'],
    [
      'k2',
      'mulmod(signed(mload(K2), m), addmod(not(0), 1, m), m)',
      'mulmod(mload(K2), addmod(not(0), 1, m), m)',
    ],
    ['k', 'let k := add(smod(mload(K), m), m)', 'let k := mod(mload(K), m)'],
  ]
  return texts.map(([name, find, replace]) => ({
    step: name === 'k' ? 10 : 9,
    check: `${name} has a sign`,
    edits: [[find, replace]],
    kind: 'completeness',
    original: 'accepted',
    mutant: 'NotProven',
    attack: () => negative(name),
  }))
}

/** An honest hint in which this number is below nought. */
function negative(name: keyof Signs): Attack {
  for (let i = 0; ; i++) {
    const { statement, point } = signed(`negative ${i >> 1}`)
    const { e, r, s, qx, qy } = statement
    const half = halves(mod(r * inverse(s, N), N))
    const sign = i & 1 ? -1n : 1n
    const [v, w] = [sign * half.v, sign * half.w]
    const g = sign * mod(-half.v * e * inverse(s, N), N)
    const g0 = mod(g, 1n << 192n) - (i & 1 ? 1n << 192n : 0n)
    const g1 = (g - g0) >> 192n
    const operations = scheduleOfFour([v, w, g0, g1])
    const { slopes } = walk(point, [qx, qy], operations)
    const { hint, h1 } = prepare({ statement, y: point[1], operations, slopes })
    if ({ ...hint, v, w, g0, g1 }[name] < 0n) return { statement, hint: withNonce(hint, h1) }
  }
}

/** The last step reads a place outside its table, where another point lies. */
function misplaced(
  from: { table: number; index: number },
  to: { table: number; index: number },
  change: { v: bigint; w: bigint; g: bigint },
): Attack {
  const [v, w, g] = [12345n, 67891n, digestOf('g') >> 8n]
  const operations: Operation[] = [...scheduleOf(v, w, g), { ...from, doublings: 0, subtract: false }]
  const entry: Entry = (tables, { table, index }) => {
    const at = table === from.table && index === from.index ? to : { table, index }
    return tables[at.table]![at.index]!
  }
  const claimed = { v: from.table === 0 ? v + 17n : v, w, g: from.table === 2 ? g + 129n : g }
  const draft = loose({
    point: sure(multiply(digestOf('misplaced'), G)),
    operations,
    entry,
    v: claimed.v + change.v,
    w: claimed.w + change.w,
    g: claimed.g + change.g,
  })
  return { statement: draft.statement, hint: complete(draft, { entry }) }
}

/** One doubling less: [2^192]S is left over, and every scalar is counted double. */
function early(): Attack {
  const [v, w, g] = [12345n, 67891n, digestOf('g') >> 8n]
  const [first, ...rest] = scheduleOf(v, w, g)
  const operations = [{ ...first!, doublings: first!.doublings - 1 }, ...rest]
  const offset = sure(combine([1n, F], [-(1n << 192n), S]))
  const draft: Draft = loose({ point: sure(multiply(digestOf('early'), G)), operations, v, w, g, offset })
  // the contract counts on 193, and leaves the last slope unread
  return { statement: draft.statement, hint: complete({ ...draft, slopes: [...draft.slopes, 0n] }) }
}

/** R = [a]G + Q for the victim's Q: the points close, and s is right for one of the two equations only. */
function falseScalars(sOf: (a: bigint, r: bigint) => bigint): Attack {
  const a = digestOf('a') >> 1n
  const { point, r, operations, slopes } = closed(a)
  const statement: Statement = { e: FORGED, r, s: sOf(a, r), qx: VICTIM[0], qy: VICTIM[1] }
  return { statement, hint: complete({ statement, y: point[1], operations, slopes }) }
}
