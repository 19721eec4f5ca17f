import {
  afterPairs,
  anyPoint,
  digestOf,
  doubleOfF,
  FORGED,
  loose,
  minusDoubleOfF,
  sameY,
  universal,
  VICTIM,
} from '../cases.ts'
import {
  B,
  combine,
  double,
  F,
  G,
  inverse,
  lift,
  mod,
  multiply,
  N,
  negate,
  P,
  type Point,
  S,
  squareRoot,
  step,
  sure,
  tangent,
} from '../curve.ts'
import { type Bend, complete, type Draft, scheduleOf, walk } from '../forge.ts'
import type { Operation, Statement } from '../hint.ts'
import { rootOf } from '../polynomial.ts'
import type { Offset, Relation } from '../relations.ts'
import { DOCUMENTED, type Rules } from '../transcript.ts'
import type { Attack, Mutant } from './mutant.ts'

/** Step 7: the relations of section 4. */
const CURVE = `e := add(mulmod(y, y, modulus), sub(modulus, mulmod(squared, x, modulus)))
                    e := add(e, add(mul(3, x), sub(modulus, constantResidue(B_HIGH, B_LOW, modulus))))`
const TABLE_DOUBLE = 'e := add(e, add(mulmod(l, add(y, y), modulus), add(3, mul(3, sub(modulus, squared)))))'
const TABLE_ADD1 = 'e := add(e, add(mulmod(l, add(x2, sub(modulus, x)), modulus), add(y, sub(modulus, y2))))'
const DOUBLE = `e := add(
                            mulmod(e, rho, m),
                            add(mulmod(l, add(y, y), m), add(3, mul(3, sub(m, mulmod(x, x, m)))))
                        )`
const ADD1 = 'e := add(mulmod(e, rho, m), add(mulmod(l, add(x2, sub(m, x)), m), add(y, sub(m, y2))))'
const ADD2 = 'e := add(mulmod(e, rho, m), add(y2, sub(add(m, m), add(mulmod(x, x3, m), mulmod(x2, x2, m)))))'
const NONE = 'e := mulmod(e, rho, m)'
const END_X = 'x := add(x, sub(m, constantResidue(FX_HIGH, FX_LOW, m)))'
const END_Y = 'y := add(y, sub(m, constantResidue(FY_HIGH, FY_LOW, m)))'

const without = (name: Relation['name'], ...where: Relation['where'][]): Rules => ({
  ...DOCUMENTED,
  keep: relation => relation.name !== name || !where.includes(relation.where),
})

export const RELATIONS: Mutant[] = [
  {
    step: 7,
    check: 'R is on the curve (implied by a step that adds it, so by v ≠ 0)',
    setting: { why: 'v may be 0', edits: [['if (v == 0) revert InvalidSchedule();', '']] },
    edits: [[CURVE, 'e := 0']],
    kind: 'forgery',
    original: 'NotProven',
    attack: () => offCurve([7n, 11n], VICTIM, afterPairs(193), 42n),
  },
  {
    step: 7,
    check: 'Q is on the curve (implied by a step that adds it, so by w ≢ 0)',
    setting: {
      why: 'the first equation of the scalars is not asked for, so that w may be 0',
      edits: [['holds := eq(sum, mulmod(signed(mload(K1), m), n, m))', 'holds := 1']],
    },
    edits: [[CURVE, 'e := 0']],
    kind: 'forgery',
    original: 'NotProven',
    attack: () => {
      const a = digestOf('a') >> 1n
      const s = mod(FORGED * inverse(a, N), N)
      return offCurve(sure(multiply(a, G)), [7n, 11n], scheduleOf(1n, 0n, mod(-a, N)), s)
    },
  },
  {
    step: 7,
    check: 'the slope of a doubling of A',
    edits: [[DOUBLE, NONE]],
    kind: 'forgery',
    original: 'NotProven',
    attack: twoFreeDoublings,
  },
  {
    step: 7,
    check: 'the first relation of an addition to A',
    edits: [[ADD1, NONE]],
    kind: 'forgery',
    original: 'NotProven',
    attack: () =>
      turned(
        'add1',
        a => sameMinusY(a),
        (a, r) => mod(2n * a[0] + r[0], P),
      ),
  },
  {
    step: 7,
    check: 'the second relation of an addition to A',
    edits: [[ADD2, NONE]],
    kind: 'forgery',
    original: 'NotProven',
    attack: () =>
      turned(
        'add2',
        a => a,
        a => mod(3n * a[0], P),
      ),
  },
  {
    step: 7,
    check: 'the x-coordinate at the end (implied by y for this S)',
    setting: { why: 'an S whose F shares its y with other points', edits: otherOffset().edits },
    edits: [[END_X, 'x := 0']],
    kind: 'forgery',
    original: 'NotProven',
    attack: wrongEnd,
  },
  {
    step: 7,
    check: 'the y-coordinate at the end',
    edits: [[END_Y, 'y := 0']],
    kind: 'forgery',
    original: 'NotProven',
    attack: () => {
      const operations = scheduleOf(12345n, 67891n, digestOf('g') >> 8n)
      const point = sure(multiply(digestOf('minus F'), G))
      return finish(loose({ point, operations, v: 12345n, offset: minusDoubleOfF }), without('endY', 'main'))
    },
  },
  {
    step: 7,
    check: 'the first relation of an addition in a table',
    edits: [[TABLE_ADD1, '']],
    kind: 'forgery',
    original: 'NotProven',
    attack: flatTable,
  },
  {
    step: 7,
    check: 'the slope of a doubling in a table',
    edits: [[TABLE_DOUBLE, '']],
    kind: 'forgery',
    original: 'NotProven',
    attack: bentTable,
  },
]

function finish(draft: Draft, rules: Rules, offset?: Offset): Attack {
  return { statement: draft.statement, hint: complete(draft, offset ? { rules, offset } : { rules }) }
}

function offCurve(r: Point, q: Point, operations: Operation[], s: bigint): Attack {
  const statement: Statement = { e: FORGED, r: r[0], s, qx: q[0], qy: q[1] }
  const { slopes } = walk(r, q, operations)
  return finish({ statement, y: r[1], operations, slopes }, without('curve', 'R', 'Q'))
}

/** Two doublings with slopes of one's choice lead from any point to any other: the victim signs for mallory. */
function twoFreeDoublings(): Attack {
  for (let variant = 0; ; variant++) {
    const draft = universal(variant)
    const at = draft.operations.findLastIndex(({ doublings }) => doublings >= 2)
    const bend = leap(draft, at)
    const { slopes, end } = walk(draft.point, VICTIM, draft.operations, bend)
    if (end[0] === F[0] && end[1] === F[1]) return finish({ ...draft, slopes }, without('double', 'main'))
  }
}

function leap({ operations, point }: { operations: Operation[]; point: Point }, at: number): Bend {
  const target = pointBefore(operations, at, point)
  let doubled = 0
  let second: bigint | undefined
  return ({ kind, where, index, a }) => {
    if (kind !== 'double' || where !== 'main' || index !== at) return undefined
    doubled++
    if (doubled === operations[at]!.doublings) return second
    if (doubled < operations[at]!.doublings - 1) return undefined
    const meet = (slope: bigint) => {
      const middle = step(a, a[0], slope)
      return { middle, dx: mod(middle[0] - target[0], P), dy: mod(target[1] + middle[1], P) }
    }
    const first = rootOf(
      slope => {
        const { middle, dx, dy } = meet(slope)
        return (target[0] + 2n * middle[0]) * dx ** 2n - dy ** 2n
      },
      6,
      P,
      slope => meet(slope).dx !== 0n,
    )
    if (first === undefined) return undefined
    const { dx, dy } = meet(first)
    second = mod(dy * inverse(dx, P), P)
    return first
  }
}

/** Where A must be after an operation's doublings for the rest of the schedule to lead to F. */
function pointBefore(operations: Operation[], at: number, r: Point): Point {
  const left: number[] = []
  operations.reduceRight((sum, { doublings }, i) => {
    left[i] = sum
    return sum + doublings
  }, 0)
  const sums = [0n, 0n, 0n, 0n]
  operations.forEach(({ subtract, table, index }, i) => {
    const term = BigInt(2 * index + 1) << BigInt(left[i]!)
    if (i >= at) sums[table]! += subtract ? -term : term
  })
  const [v, w, g0, g1] = sums as [bigint, bigint, bigint, bigint]
  const c = inverse(1n << BigInt(left[at]!), N)
  return sure(combine([c, F], [-v * c, r], [-w * c, VICTIM], [-(g0 + (g1 << 192n)) * c, G]))
}

/**
 * A = [2^depth]S, then a step that adds R and gives -A: for a slope L with L² = 2 x(A) + x(R) the x-coordinate stays, and
 * the one relation that is left holds for R = A, or for an R that shares -y with A.
 */
function turned(
  name: 'add1' | 'add2',
  rOf: (a: Point) => Point | undefined,
  square: (a: Point, r: Point) => bigint,
): Attack {
  for (let depth = 1, a = double(S); ; depth++, a = double(a)) {
    const point = rOf(a)
    const slope = point && squareRoot(square(a, point), P)
    if (!point || slope === undefined || point[0] >= N) continue
    const before = afterPairs(depth)
    const rest = [...afterPairs(193 - depth), ...[1, 2, 0].map(plus)]
    const operations = [...before, plus(0), ...rest]
    const bend: Bend = at =>
      at.kind === 'add' && at.where === 'main' && at.index === before.length ? slope : undefined
    // the first step's share of v is lost, and -F is left in place of F
    return finish(loose({ point, operations, v: 1n, offset: doubleOfF, bend }), without(name, 'main'))
  }
}

const plus = (table: number): Operation => ({ doublings: 0, subtract: false, table, index: 0 })

const sameMinusY = (a: Point): Point | undefined => {
  const other = sameY(a)
  return other && negate(other)
}

/** An offset for which F shares its y-coordinate. */
function otherOffset() {
  for (let x = 1n; ; x++) {
    const start = lift(x)
    const end = start && sure(multiply(1n << 193n, start))
    const other = end && sameY(end)
    if (!other) continue
    const halvesOf = (point: Point) => point.flatMap(value => [value >> 192n, value & ((1n << 192n) - 1n)])
    const hex = (value: bigint) => `0x${value.toString(16).padStart(48, '0')}`
    const [before, after] = [
      [...halvesOf(S), ...halvesOf(F)],
      [...halvesOf(start), ...halvesOf(end)],
    ]
    const edits = before.map((value, i): [string, string] => [hex(value), hex(after[i]!)])
    return { start, end, other, edits }
  }
}

function wrongEnd(): Attack {
  const { start, end, other } = otherOffset()
  const operations = scheduleOf(12345n, 67891n, digestOf('g') >> 8n)
  const offset = sure(combine([1n, other], [-1n, end]))
  const point = sure(multiply(digestOf('other end'), G))
  return finish(loose({ point, operations, v: 12345n, offset, start }), without('endX', 'main'), {
    start,
    end,
  })
}

/** At x = -1 the tangent is level: [2]R and R have opposite y, any slope adds them, and that of 0 gives -R for [3]R. */
function flatTable(): Attack {
  const point = sure(lift(P - 1n))
  const operations = [...scheduleOf(4n, 67891n, digestOf('g') >> 8n), { ...plus(0), index: 1 }]
  const bend: Bend = ({ kind, where, index }) =>
    kind === 'add' && where === 'R' && index === 1 ? 0n : undefined
  return finish(loose({ point, operations, v: 3n, bend, flags: 1 }), without('add1', 'R', 'Q'))
}

/** [2]R replaced by a point off the curve that, added to R, gives one that is on it, but not [3]R. */
function bentTable(): Attack {
  for (let variant = 0n; ; variant++) {
    const point = anyPoint((digestOf('bent') >> 1n) + (variant << 100n))
    const third = (slope: bigint): { sum: Point; width: bigint } => {
      const twice = step(point, point[0], slope)
      const width = mod(twice[0] - point[0], P)
      return { sum: step(point, twice[0], (twice[1] - point[1]) * inverse(width, P)), width }
    }
    const slope = rootOf(
      candidate => {
        const { sum, width } = third(candidate)
        return distance(sum) * width ** 6n
      },
      18,
      P,
      root => root !== tangent(point) && mod(root * root - 3n * point[0], P) !== 0n,
    )
    if (slope === undefined) continue
    const operations = [...scheduleOf(4n, 67891n, digestOf('g') >> 8n), { ...plus(0), index: 1 }]
    const bend: Bend = ({ kind, where }) => (kind === 'double' && where === 'R' ? slope : undefined)
    const offset = negate(third(slope).sum)
    return finish(loose({ point, operations, v: 4n, offset, bend }), without('double', 'R', 'Q'))
  }
}

/** Nought on the curve. */
function distance([x, y]: Point): bigint {
  return mod(y * y - x ** 3n + 3n * x - B, P)
}
