import { afterPairs, universal, VICTIM, withPairs } from '../cases.ts'
import { chord, F, G, inverse, lift, mod, N, negate, P, type Point, step, sure } from '../curve.ts'
import { type Bend, complete, type Draft, walk } from '../forge.ts'
import type { Operation, Statement } from '../hint.ts'
import { interpolate, rootOf, rootsOf } from '../polynomial.ts'
import { DOCUMENTED, hash, type Rules, word } from '../transcript.ts'
import type { Attack, Mutant } from './mutant.ts'

/** Steps 4 and 7: how relations are folded. Where two share a coefficient, their errors can cancel. */
const CLOSE = 'mstore(TOTAL, addmod(mload(TOTAL), mulmod(e, shr(96, keccak256(H1, 64)), modulus), modulus))'
/** [13]R and [15]R: the schedule does not use them, so that their slopes are free. */
const UNUSED_FROM = 6
const END = 2

export const ROWS: Mutant[] = [
  {
    step: 4,
    check: 'rho comes from the hash',
    edits: [
      [
        `let rho := shr(96, keccak256(H1, 64))
            mstore(RHO, rho)`,
        'let rho := 1 mstore(RHO, rho)',
      ],
    ],
    kind: 'forgery',
    original: 'NotProven',
    attack: sameRho,
  },
  {
    step: 4,
    check: 'the rows’ coefficients have 160 bits: with 8, a false row vanishes after 2^8 tries',
    edits: [[CLOSE, CLOSE.replace('shr(96,', 'shr(248,')]],
    kind: 'forgery',
    original: 'NotProven',
    attack: shortCoefficient,
  },
  {
    step: 7,
    check: 'the rows of R, Q and the end have numbers of their own',
    edits: [['mstore(ROW, row)', 'mstore(ROW, 0)']],
    kind: 'forgery',
    original: 'NotProven',
    attack: cancelledEnd,
  },
  {
    step: 7,
    check: 'the row of Q has another number than that of R',
    edits: [['close(1, multiples', 'close(0, multiples']],
    kind: 'forgery',
    original: 'NotProven',
    attack: mirrored,
  },
  {
    step: 7,
    check: 'the operations’ rows have another number than the end',
    edits: [['mstore(ROW, at)', 'mstore(ROW, 2)']],
    kind: 'forgery',
    original: 'NotProven',
    attack: cancelledSteps,
  },
]

function proved(draft: Draft, rules: Rules): Attack {
  return { statement: draft.statement, hint: complete(draft, { rules }) }
}

/** The errors of two unused entries, each linear in its slope, undo those of the end, x with x and y with y. */
function cancelledEnd(): Attack {
  const rules: Rules = {
    ...DOCUMENTED,
    rowId: (row, rows) => (row < 2 || row === rows - 1 ? 0n : DOCUMENTED.rowId(row, rows)),
  }
  const draft = universal()
  const { end } = walk(draft.point, VICTIM, draft.operations)
  const errors = [end[0] - F[0], end[1] - F[1]]
  const bend: Bend = ({ kind, where, index, a, other }) => {
    const error = where === 'R' && kind === 'add' ? errors[index - UNUSED_FROM] : undefined
    return error === undefined ? undefined : mod(chord(a, other) - error * inverse(other[0] - a[0], P), P)
  }
  const { slopes } = walk(draft.point, VICTIM, draft.operations, bend)
  return proved({ ...draft, slopes }, rules)
}

/**
 * R with x = -1 and Q = -R: with a slope of 0 in place of the chord's, both tables have [3]T = -T, and their errors are
 * opposite. [3]R - Q is then -R - Q = O: (r, 3 r) is a signature of e = 0.
 */
function mirrored(): Attack {
  const rules: Rules = {
    ...DOCUMENTED,
    rowId: (row, rows) => (row < 2 ? 0n : DOCUMENTED.rowId(row, rows)),
  }
  const point = sure(lift(P - 1n))
  const [qx, qy] = negate(point)
  const r = point[0] - N
  const statement: Statement = { e: 0n, r, s: mod(3n * r, N), qx, qy }
  const operations: Operation[] = [
    ...afterPairs(193),
    { doublings: 0, subtract: false, table: 0, index: 1 },
    { doublings: 0, subtract: true, table: 1, index: 0 },
  ]
  const bend: Bend = ({ kind, where, index }) =>
    kind === 'add' && where !== 'main' && index === 1 ? 0n : undefined
  const { slopes } = walk(point, [qx, qy], operations, bend)
  return proved({ statement, flags: 1, y: point[1], operations, slopes }, rules)
}

/** With rho = 1 a row asks for one sum only: a doubling and an addition err together, and x errs as y does. */
function sameRho(): Attack {
  const rules: Rules = { ...DOCUMENTED, rho: () => 1n }
  for (let variant = 0; ; variant++) {
    const draft = universal(variant, 2n, 1n)
    const last = draft.operations.length - 1
    if (draft.operations[last]!.doublings !== 1 || draft.operations[last]!.table !== 1) continue
    let second: bigint | undefined
    const bend: Bend = ({ kind, where, index, a }) => {
      if (where !== 'main' || index !== last) return undefined
      if (kind === 'add') return second
      const width = (slope: bigint) => errTogether(a, slope).width
      const first = rootOf(
        slope => {
          const { slope: next, width, middle } = errTogether(a, slope)
          const [x, y] = step(middle, VICTIM[0], next)
          return (x - F[0] + y - F[1]) * width ** 3n
        },
        14,
        P,
        slope => width(slope) !== 0n,
      )
      second = first === undefined ? undefined : errTogether(a, first).slope
      return first
    }
    const { slopes } = walk(draft.point, VICTIM, draft.operations, bend)
    if (second !== undefined) return proved({ ...draft, slopes }, rules)
  }
}

/** After a doubling with this slope, the slope of the addition of Q for which the row's sum is nought. */
function errTogether(a: Point, first: bigint): { slope: bigint; width: bigint; middle: Point } {
  const middle = step(a, a[0], first)
  const [[x1, y1], [x2, y2]] = [middle, VICTIM]
  const error = 2n * first * a[1] - 3n * a[0] * a[0] + 3n
  const width = mod(x2 - x1 + y1 + y2, P)
  const rest = y2 - y1 + x1 * x1 + x1 * x2 + x2 * x2 - 3n - error
  return { slope: mod(rest * inverse(width, P), P), width, middle }
}

/** Variants of one trace, until the coefficient of its only false row, the end, is nought. */
function shortCoefficient(): Attack {
  const rules: Rules = {
    ...DOCUMENTED,
    coefficient: (answer, ofOperation) => answer >> (ofOperation ? 96n : 248n),
  }
  const draft = universal()
  const { end } = walk(draft.point, VICTIM, draft.operations)
  for (let variant = 0; ; variant++) {
    const { operations, slopes } = withPairs(draft, end, variant)
    const hint = { ...HINT, y: draft.y, operations, slopes }
    const h1 = rules.h1(draft.statement, hint)
    if (hash(h1, word(BigInt(END)))[0] === 0) return proved({ ...draft, operations, slopes }, rules)
  }
}

const HINT = { flags: 0, k1: 0n, k2: 0n, nonce: 0n, k: 0n, kBytes: 32 }

/** Two steps at the end err so that their first relations undo the error of x, and their second ones that of y. */
function cancelledSteps(): Attack {
  const rules: Rules = { ...DOCUMENTED, rowId: row => BigInt(Math.min(row, END)) }
  for (let variant = 0; ; variant++) {
    const draft = universal(variant)
    const operations = [...draft.operations]
    for (const subtract of [false, true]) operations.push({ doublings: 0, subtract, table: 2, index: 0 })
    const { end } = walk(draft.point, VICTIM, draft.operations)
    const slopes = cancellingSlopes(end)
    if (slopes) return proved({ ...draft, operations, slopes: [...draft.slopes, ...slopes] }, rules)
  }
}

/** Slopes of +G and -G from a point for which both sums of errors are nought: a root of the resultant, and what it is for. */
function cancellingSlopes(start: Point): [bigint, bigint] | undefined {
  const sums = (first: bigint) => (second: bigint) => {
    const middle = step(start, G[0], first)
    const end = step(middle, G[0], second)
    const [a, b] = [errorsOf(start, G, first), errorsOf(middle, negate(G), second)]
    return [mod(a[0] + b[0] + end[0] - F[0], P), mod(a[1] + b[1] + end[1] - F[1], P)] as const
  }
  const polynomials = (first: bigint) => [
    interpolate(second => sums(first)(second)[0], 2, P),
    interpolate(second => sums(first)(second)[1], 3, P),
  ]
  const roots = rootsOf(
    interpolate(first => resultant(polynomials(first) as [bigint[], bigint[]]), 16, P),
    P,
  )
  for (const first of roots)
    for (const second of rootsOf(polynomials(first)[0]!, P))
      if (sums(first)(second)[1] === 0n) return [first, second]
  return undefined
}

/** Of an addition's two relations. */
function errorsOf([x1, y1]: Point, [x2, y2]: Point, slope: bigint): [bigint, bigint] {
  return [slope * (x2 - x1) - (y2 - y1), slope * (y1 + y2) - (x1 * x1 + x1 * x2 + x2 * x2 - 3n)]
}

/** Of a quadratic and a cubic polynomial: the determinant of Sylvester's matrix. */
function resultant([f, g]: [bigint[], bigint[]]): bigint {
  const at = (polynomial: bigint[], i: number): bigint => polynomial[i] ?? 0n
  const row = (polynomial: bigint[], degree: number, shift: number): bigint[] =>
    Array.from({ length: 5 }, (_, i) => at(polynomial, degree - (i - shift)) * (i < shift ? 0n : 1n))
  return determinant([row(f, 2, 0), row(f, 2, 1), row(f, 2, 2), row(g, 3, 0), row(g, 3, 1)])
}

function determinant(matrix: bigint[][]): bigint {
  if (matrix.length === 1) return matrix[0]![0]!
  return matrix.reduce((sum, row, i) => {
    const minor = matrix.filter((_, k) => k !== i).map(others => others.slice(1))
    return mod(sum + (i % 2 === 0 ? 1n : -1n) * row[0]! * determinant(minor), P)
  }, 0n)
}
