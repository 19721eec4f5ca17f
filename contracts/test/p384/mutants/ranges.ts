import { anyPoint, beyondN, digestOf, FORGED, keyFor, lowPoint, signed, valid, withPairs } from '../cases.ts'
import { B, combine, F, G, mod, N, P, type Point, squareRoot, sure } from '../curve.ts'
import { complete, honest, prepare, scheduleOf, walk, withNonce } from '../forge.ts'
import { encodeHint, encodeStatement, join, type Statement } from '../hint.ts'
import type { Entry } from '../relations.ts'
import type { Mutant } from './mutant.ts'

/** Steps 1 and 2: lengths and ranges. */
const inside = 'inRange := and(inRange, '

export const RANGES: Mutant[] = [
  {
    step: 1,
    check: 'the statement has 240 bytes',
    edits: [['if (statement.length != STATEMENT_SIZE) revert StatementLength(statement.length);', '']],
    kind: 'encoding',
    original: 'StatementLength',
    attack: () => {
      const { statement, hint } = valid('longer')
      return { statement: join(encodeStatement(statement), Uint8Array.of(0)), hint }
    },
  },
  {
    step: 1,
    check: 'the hint has a header',
    edits: [['if (hint.length < HEADER_SIZE) revert HintLength(hint.length);', '']],
    kind: 'refusal',
    original: 'HintLength',
    mutant: 'Panic',
    attack: () => ({ statement: signed('header').statement, hint: Uint8Array.of(0) }),
  },
  {
    step: 1,
    check: 'K is there: without it the second hash would take a length below nought, and all gas',
    edits: [['if (kSize == 0 || kSize > MAX_K', 'if (kSize > MAX_K']],
    kind: 'refusal',
    original: 'HintLength',
    mutant: 'out of gas',
    attack: () => {
      const { statement, hint } = valid('truncated')
      return { statement, hint: encodeHint(hint).subarray(0, 2000) }
    },
  },
  {
    step: 1,
    check: 'K has at most 512 bytes: a longer one lies over the statement',
    edits: [[' || kSize > MAX_K', '']],
    kind: 'refusal',
    original: 'HintLength',
    mutant: 'OutOfRange',
    attack: () => {
      const { statement, hint } = valid('long')
      return { statement, hint: { ...hint, k: 0n, kBytes: 1024 } }
    },
  },
  {
    step: 1,
    check: 'K is whole words',
    edits: [[' || kSize % 32 != 0', '']],
    kind: 'encoding',
    original: 'HintLength',
    attack: shortened,
  },
  {
    step: 1,
    check: 'flags is 0 or 1',
    edits: [['if (flags > 1 || operations', 'if (operations']],
    kind: 'encoding',
    original: 'InvalidSchedule',
    attack: () => {
      const { statement, draft } = beyondN()
      return { statement, hint: complete({ ...draft, flags: 2 }) }
    },
  },
  {
    step: 1,
    check: 'at most 200 operations',
    edits: [[' || operations > MAX_OPERATIONS', '']],
    kind: 'encoding',
    original: 'InvalidSchedule',
    attack: () => {
      const { statement, point } = signed('201 operations')
      const draft = honest(statement, point)
      const pair = [false, true].map(subtract => ({ doublings: 0, subtract, table: 2, index: 0 }))
      while (draft.operations.length < 201) draft.operations.push(...pair)
      const { slopes } = walk(point, [statement.qx, statement.qy], draft.operations)
      return { statement, hint: complete({ ...draft, slopes }) }
    },
  },
  {
    step: 2,
    check: 'r < n',
    edits: [['and(below(STATEMENT_R, N_LOW), below(STATEMENT_S, N_LOW))', 'below(STATEMENT_S, N_LOW)']],
    kind: 'forgery',
    original: 'OutOfRange',
    attack: () => {
      const { statement, draft } = beyondN()
      const long = { ...statement, r: statement.r + N }
      return { statement: long, hint: complete({ ...draft, flags: 0, statement: long }) }
    },
  },
  {
    step: 2,
    check: 's < n',
    edits: [['and(below(STATEMENT_R, N_LOW), below(STATEMENT_S, N_LOW))', 'below(STATEMENT_R, N_LOW)']],
    kind: 'forgery',
    original: 'OutOfRange',
    attack: () => {
      const point = anyPoint(digestOf('small s') >> 1n)
      const [qx, qy] = keyFor(FORGED, point[0], 5n, point)
      const draft = honest({ e: FORGED, r: point[0], s: 5n, qx, qy }, point)
      const statement = { ...draft.statement, s: 5n + N }
      return { statement, hint: complete({ ...draft, statement }) }
    },
  },
  {
    step: 2,
    check: 'r ≥ 1',
    setting: {
      why: 'nobody knows the logarithm of the points with x = 0: here one of them is the generator',
      edits: [[hexOf(G), hexOf([0n, rootOfB()])]],
    },
    edits: [['iszero(or(isZero(STATEMENT_R), isZero(STATEMENT_S)))', 'iszero(isZero(STATEMENT_S))']],
    kind: 'forgery',
    original: 'OutOfRange',
    attack: zero,
  },
  {
    step: 2,
    check: 's ≥ 1 (implied by v ≠ 0 and the first equation of the scalars: without it the name changes)',
    edits: [['iszero(or(isZero(STATEMENT_R), isZero(STATEMENT_S)))', 'iszero(isZero(STATEMENT_R))']],
    kind: 'refusal',
    original: 'OutOfRange',
    mutant: 'NotProven',
    attack: () => {
      const { statement, point } = signed('no s')
      const draft = honest(statement, point)
      const zeroed = { ...statement, s: 0n }
      return { statement: zeroed, hint: complete({ ...draft, statement: zeroed }) }
    },
  },
  {
    step: 2,
    check: 'Qx < p',
    edits: [['and(below(STATEMENT_QX, P_LOW), below(STATEMENT_QY, P_LOW))', 'below(STATEMENT_QY, P_LOW)']],
    kind: 'forgery',
    original: 'OutOfRange',
    attack: () => unreduced(anyPoint(2n), q => [q[0] + P, q[1]]),
  },
  {
    step: 2,
    check: 'Qy < p',
    edits: [['and(below(STATEMENT_QX, P_LOW), below(STATEMENT_QY, P_LOW))', 'below(STATEMENT_QX, P_LOW)']],
    kind: 'forgery',
    original: 'OutOfRange',
    attack: () => unreduced(lowPoint(), q => [q[0], q[1] + P]),
  },
  {
    step: 2,
    check: 'Y < p',
    edits: [[`${inside}below(Y, P_LOW))`, '']],
    kind: 'encoding',
    original: 'OutOfRange',
    attack: () => {
      const point = lowPoint()
      const [e, r, s] = [FORGED, point[0], digestOf('s') >> 1n]
      const [qx, qy] = keyFor(e, r, s, point)
      const statement = { e, r, s, qx, qy }
      return { statement, hint: complete({ ...honest(statement, point), y: point[1] + P }) }
    },
  },
  {
    step: 2,
    check: 'r < p - n where x(R) is r + n',
    edits: [[`${inside}and(iszero(high), lt(shr(64, mload(add(STATEMENT_R, 24))), P_MINUS_N)))`, '']],
    kind: 'forgery',
    original: 'OutOfRange',
    attack: () => {
      const point = anyPoint(1n << 300n)
      const [e, r, s] = [FORGED, point[0] + P - N, digestOf('s') >> 1n]
      const [qx, qy] = keyFor(e, r, s, point)
      const statement = { e, r, s, qx, qy }
      return { statement, hint: complete(honest(statement, point, 1)) }
    },
  },
]

/** A hint whose K ends with a zero byte, without that byte. */
function shortened() {
  const { statement, point } = signed('zero byte')
  const draft = honest(statement, point)
  for (let variant = 0; ; variant++) {
    const { hint, h1 } = prepare({ ...draft, ...withPairs(draft, F, variant) })
    if ((hint.k & 255n) === 0n)
      return { statement, hint: withNonce({ ...hint, k: hint.k >> 8n, kBytes: 511 }, h1) }
  }
}

/** v = 1, w = 0 and g = -1 for the generator (0, y): (0, s) is then a signature of s by every key. */
function zero() {
  const generator: Point = [0n, rootOfB()]
  const [qx, qy] = anyPoint(digestOf('anybody') >> 1n)
  const statement: Statement = { e: FORGED, r: 0n, s: FORGED, qx, qy }
  const subtraction = { doublings: 0, subtract: true, table: 2, index: 0 }
  const operations = [...scheduleOf(1n, 0n, 0n, 0), subtraction]
  const entry: Entry = (tables, { table, index }) => (table === 2 ? generator : tables[table]![index]!)
  const { slopes } = walk(generator, [qx, qy], operations, undefined, entry)
  return { statement, hint: complete({ statement, y: generator[1], operations, slopes }, { entry }) }
}

/** A signature by a key of which nobody knows the logarithm, R = [a]G + Q; then another encoding of that key. */
function unreduced(q: Point, change: (q: Point) => Point) {
  const a = digestOf('a') >> 1n
  const point = sure(combine([a, G], [1n, q]))
  const r = mod(point[0], N)
  const draft = honest({ e: mod(a * r, N), r, s: r, qx: q[0], qy: q[1] }, point)
  const [qx, qy] = change(q)
  const statement = { ...draft.statement, qx, qy }
  return { statement, hint: complete({ ...draft, statement }) }
}

function rootOfB(): bigint {
  return sure(squareRoot(B, P))
}

function hexOf(point: Point): string {
  return point.map(value => value.toString(16).padStart(96, '0')).join('')
}
