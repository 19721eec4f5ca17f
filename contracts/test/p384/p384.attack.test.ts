import { type Anvil, startAnvil } from '@nacre/host'
import { proveP384 } from '@nacre/sdk/attest/p384/hint'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  afterPairs,
  anyPoint,
  beyondN,
  digestOf,
  FORGED,
  keyFor,
  loose,
  signed,
  universal,
  VICTIM,
  valid,
  withPairs,
} from './cases.ts'
import { compile } from './compile.ts'
import { deployAll, gasOf, TRANSACTION_GAS, verdictsOf } from './contract.ts'
import {
  B,
  combine,
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
  sure,
} from './curve.ts'
import { complete, honest, prepare, proveAgain, walk, withNonce } from './forge.ts'
import {
  decodeHint,
  decodeStatement,
  encodeHint,
  encodeStatement,
  FIXED_SLOPES,
  type Hint,
  type Operation,
  type Statement,
} from './hint.ts'
import { isSignature, judge } from './oracle.ts'
import { scalarsOf } from './relations.ts'

/** The real contract against hints that somebody made on purpose. It says what the oracle says, and never yes to a lie. */
const LONG = process.env.NACRE_LONG === '1'
/** Gas of a whole transaction whose hint is as costly as one can be and is refused at the very end. */
const WORST_GAS = 2_000_000

type Case = { name: string; statement: Statement | Uint8Array; hint: Hint | Uint8Array }

let chain: Anvil
let address: `0x${string}`

beforeAll(async () => {
  chain = await startAnvil({ args: ['--no-request-size-limit'] })
  address = (await deployAll(chain.rpcUrl, compile({ P384: [] }))).get('P384')!
})
afterAll(() => chain?.stop())

/** Verdicts by name, after each was compared with the oracle's and with plain ECDSA. */
async function verdicts(cases: Case[]): Promise<Record<string, string>> {
  const found: string[] = []
  for (let i = 0; i < cases.length; i += 50)
    found.push(...(await verdictsOf(chain.rpcUrl, address, cases.slice(i, i + 50))))
  const wrong = cases.flatMap(({ name, statement, hint }, i) => {
    const statementBytes = statement instanceof Uint8Array ? statement : encodeStatement(statement)
    const verdict = judge(statementBytes, hint instanceof Uint8Array ? hint : encodeHint(hint))
    const truth = statementBytes.length === 240 && isSignature(decodeStatement(statementBytes))
    const lie = found[i] === 'accepted' && !truth
    return found[i] === verdict && !lie ? [] : [{ name, contract: found[i], oracle: verdict, truth }]
  })
  expect(wrong).toEqual([])
  return Object.fromEntries(cases.map(({ name }, i) => [name, found[i]!]))
}

/** All of them end in one way. */
async function expectAll(verdict: string, cases: Case[]): Promise<void> {
  expect(cases.length).toBeGreaterThan(0)
  expect(await verdicts(cases)).toEqual(Object.fromEntries(cases.map(({ name }) => [name, verdict])))
}

test('every bit of a hint, flipped', async () => {
  const { statement, hint } = valid('flips')
  const bytes = encodeHint(hint)
  const stride = LONG ? 1 : 499
  const cases = Array.from({ length: Math.floor((bytes.length * 8) / stride) }, (_, i) => {
    const bit = i * stride
    return {
      name: `bit ${bit}`,
      statement,
      hint: bytes.with(bit >> 3, bytes[bit >> 3]! ^ (0x80 >> (bit & 7))),
    }
  })
  expect(Object.values(await verdicts(cases))).not.toContain('accepted')
}, 7_200_000)

test('changed hints whose nonce was searched again, so that they do not die in the prime test', async () => {
  const count = LONG ? 5000 : 320
  const cases: Case[] = []
  let base = valid('again 0')
  for (let i = 0; cases.length < count; i++) {
    if (i % 40 === 39) base = valid(`again ${i}`)
    const changed = change(base.statement, base.hint, i)
    cases.push({
      name: `${i}`,
      statement: changed.statement,
      hint: proveAgain(changed.statement, changed.hint),
    })
  }
  const found = Object.values(await verdicts(cases))
  expect(found).not.toContain('ModulusNotPrime')
  expect(found).not.toContain('accepted')
}, 7_200_000)

/** One of twenty small changes; none of them leaves the statement true and the hint right. */
function change(statement: Statement, hint: Hint, seed: number): { statement: Statement; hint: Hint } {
  const random = digestOf(`change ${seed}`)
  const at = (length: number): number => Number((random >> 64n) % BigInt(length))
  const { operations } = hint
  const place = at(operations.length)
  const operation = operations[place]!
  const slope = at(hint.slopes.length)
  const other = [random, mod(hint.slopes[slope]! + 1n, P), P - hint.slopes[slope]!, 0n][Number(random & 3n)]!
  const changes: (() => Partial<{ statement: Statement; hint: Partial<Hint> }>)[] = [
    () => ({ hint: { slopes: hint.slopes.with(slope, other) } }),
    () => ({ hint: { slopes: hint.slopes.with(slope, hint.slopes[(slope + 1) % hint.slopes.length]!) } }),
    () => ({ hint: { y: P - hint.y } }),
    () => ({ hint: { y: random >> 1n } }),
    () => ({ hint: { k1: hint.k1 + 1n } }),
    () => ({ hint: { k1: hint.k1 - (1n << BigInt(at(255))) } }),
    () => ({ hint: { k2: hint.k2 + (1n << BigInt(at(510))) } }),
    () => ({ hint: { k: hint.k + (random & 1n ? P : -1n) } }),
    () => ({ hint: { k: BigInt.asIntN(4096, hint.k ^ (1n << BigInt(at(4096)))) } }),
    () => ({ hint: { k: -hint.k } }),
    () => ({ statement: { ...statement, e: random } }),
    () => ({ statement: { ...statement, e: BigInt.asUintN(384, statement.e + 1n) } }),
    () => ({ statement: { ...statement, r: mod(random, N - 1n) + 1n } }),
    () => ({ statement: { ...statement, s: mod(random, N - 1n) + 1n } }),
    () => ({ statement: { ...statement, qy: P - statement.qy } }),
    () => ({ statement: { ...statement, qx: mod(random, P) } }),
    () => ({ hint: { operations: operations.with(place, { ...operation, subtract: !operation.subtract }) } }),
    () => ({ hint: { operations: operations.with(place, { ...operation, table: operation.table ^ 1 }) } }),
    () => ({ hint: { operations: operations.with(place, { ...operation, index: operation.index ^ 1 }) } }),
    () => ({ hint: { slopes: [...hint.slopes.slice(1), hint.slopes[0]!] } }),
  ]
  const made = changes[seed % changes.length]!()
  return { statement: made.statement ?? statement, hint: { ...hint, ...made.hint } }
}

test('every operation of a schedule, malformed in every way, proved again', async () => {
  const { statement, point } = signed('schedules')
  const draft = honest(statement, point)
  const hint = complete(draft)
  const stride = LONG ? 1 : 9
  const places = hint.operations.map((_, i) => i).filter(i => i % stride === 0)
  const bad = (operation: Operation): [string, Operation][] => [
    ['index 8 or 64', { ...operation, index: operation.table < 2 ? 8 : 64 }],
    ['index 511', { ...operation, index: 511 }],
    ['a doubling more', { ...operation, doublings: (operation.doublings + 1) & 15 }],
    ['a doubling less', { ...operation, doublings: (operation.doublings + 15) & 15 }],
  ]
  const cases = places.flatMap(i =>
    bad(hint.operations[i]!).map(([name, operation]): Case => {
      const changed = { ...hint, operations: hint.operations.with(i, operation) }
      return { name: `${name}, operation ${i}`, statement, hint: proveAgain(statement, changed) }
    }),
  )
  await expectAll('InvalidSchedule', cases)
})

test('no operations, 200 and 201', async () => {
  const { statement, point } = signed('none')
  const none = { ...honest(statement, point), operations: [] }
  const found = await verdicts([
    { name: 'none', statement, hint: complete({ ...none, slopes: none.slopes.slice(0, FIXED_SLOPES) }) },
    { name: '200', ...withOperations(200) },
    { name: '201', ...withOperations(201) },
  ])
  expect(found).toEqual({ none: 'InvalidSchedule', 200: 'accepted', 201: 'InvalidSchedule' })
})

/** A true statement and its hint with so many operations: pairs that cancel are added. */
function withOperations(count: number): { statement: Statement; hint: Hint } {
  for (let i = 0; ; i++) {
    const { statement, point } = signed(`count ${i}`)
    const draft = honest(statement, point)
    if ((count - draft.operations.length) % 2 !== 0) continue
    const pair = [false, true].map(subtract => ({ doublings: 0, subtract, table: 3, index: 63 }))
    const operations = [...draft.operations]
    while (operations.length < count) operations.push(...pair)
    const { slopes } = walk(point, [statement.qx, statement.qy], operations)
    return { statement, hint: complete({ ...draft, operations, slopes }) }
  }
}

test('lengths', async () => {
  const { statement, hint } = valid('lengths')
  const bytes = encodeHint(hint)
  const whole = encodeStatement(statement)
  const cut = [
    0,
    1,
    2,
    49,
    50,
    51,
    1000,
    bytes.length - 513,
    bytes.length - 512,
    bytes.length - 31,
    bytes.length - 1,
  ]
  const more = [1, 31, 32, 33, 512, 544, 4096].map(count => Buffer.concat([bytes, new Uint8Array(count)]))
  const counts = [0, 1, 98, 200]
    .filter(count => count !== hint.operations.length)
    .map(count => bytes.with(1, count))
  await expectAll('HintLength', [
    ...cut.map(length => ({ name: `${length} bytes`, statement, hint: bytes.subarray(0, length) })),
    ...more.map(longer => ({ name: `${longer.length} bytes`, statement, hint: longer })),
    ...counts.map(other => ({ name: `of ${other[1]} operations`, statement, hint: other })),
  ])
  const statements = [0, 1, 239, 241, 480].map(length => Buffer.concat([whole, whole]).subarray(0, length))
  await expectAll(
    'StatementLength',
    statements.map(other => ({ name: `${other.length}`, statement: other, hint })),
  )
})

test('a number has one encoding', async () => {
  const { statement, hint } = valid('encodings')
  const small = keyOf(anyPoint(2n), 5n)
  const { statement: beyond, draft } = beyondN()
  const { r } = small.statement
  const cases: [string, Statement, Hint][] = [
    ['r + n', { ...small.statement, r: r + N }, small.hint],
    ['s + n', { ...small.statement, s: 5n + N }, small.hint],
    ['x(R) as r', { ...beyond, r: beyond.r + N }, complete({ ...draft, flags: 0 })],
    ['Qx + p', { ...statement, qx: anyPoint(1n)[0] + P, qy: anyPoint(1n)[1] }, hint],
    ['Qx = p', { ...statement, qx: P }, hint],
    ['Qy = p', { ...statement, qy: P }, hint],
    ['Qx all ones', { ...statement, qx: (1n << 384n) - 1n }, hint],
    ['Y = p', statement, { ...hint, y: P }],
    ['Y all ones', statement, { ...hint, y: (1n << 384n) - 1n }],
    ['r + n for an r that is p - n', { ...statement, r: P - N }, { ...hint, flags: 1 }],
    ['r + n for a large r', statement, { ...hint, flags: 1 }],
  ]
  await expectAll(
    'OutOfRange',
    cases.map(([name, of, changed]) => ({ name, statement: of, hint: proveAgain(of, changed) })),
  )
  const flags = [2, 3, 128, 255].map(value => ({ ...hint, flags: value }))
  await expectAll(
    'InvalidSchedule',
    flags.map(changed => ({
      name: `flags ${changed.flags}`,
      statement,
      hint: proveAgain(statement, changed),
    })),
  )
})

/** A signature (r, s) of a forged message with this R, by the key that fits. */
function keyOf(point: Point, s: bigint): { statement: Statement; hint: Hint } {
  const r = mod(point[0], N)
  const [qx, qy] = keyFor(FORGED, r, s, point)
  const statement = { e: FORGED, r, s, qx, qy }
  return { statement, hint: complete(honest(statement, point, point[0] >= N ? 1 : 0)) }
}

test('r and s at 0, 1, n - 1, n and n + 1, and at the smallest and largest that are coordinates', async () => {
  const smallest = anyPoint(1n)
  const largest = sure([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].map(i => lift(N - i)).find(point => point))
  const true_ = [smallest, largest, anyPoint(N + 1n), sure(lift(P - 1n))].flatMap(point =>
    [1n, N - 1n].map((s): Case => ({ name: `${point[0]} ${s}`, ...keyOf(point, s) })),
  )
  await expectAll('accepted', true_)
  const edges = [0n, 1n, N - 1n, N, N + 1n]
  const { statement, hint } = valid('edges')
  const cases = edges.flatMap(r =>
    [...edges, statement.s].map((s): Case => {
      const changed = { ...statement, r, s }
      return { name: `${r} ${s}`, statement: changed, hint: proveAgain(changed, hint) }
    }),
  )
  expect(Object.values(await verdicts(cases))).not.toContain('accepted')
})

test('the twin (r, n - s) is as good, and no hint of the one serves the other', async () => {
  const { statement, hint } = valid('twins')
  const twin = { ...statement, s: N - statement.s }
  const ofTwin = decodeHint(proveP384(encodeStatement(twin)))!
  const found = await verdicts([
    { name: 'one', statement, hint },
    { name: 'the other', statement: twin, hint: ofTwin },
    { name: 'swapped', statement: twin, hint: proveAgain(twin, hint) },
    { name: 'swapped back', statement, hint: proveAgain(statement, ofTwin) },
  ])
  expect(found).toEqual({
    one: 'accepted',
    'the other': 'accepted',
    swapped: 'NotProven',
    'swapped back': 'NotProven',
  })
})

test('a hint serves no other statement', async () => {
  const [a, c] = [valid('a'), valid('c')]
  const same = signed('a', { e: digestOf('another message') })
  const statements = [c.statement, same.statement, { ...a.statement, qx: c.statement.qx, qy: c.statement.qy }]
  await expectAll(
    'NotProven',
    statements.map((statement, i) => ({ name: `${i}`, statement, hint: proveAgain(statement, a.hint) })),
  )
})

test('infinity, points of other curves, of the twist, and of other orders, as Q and as R', async () => {
  const off: [string, Point][] = [
    ['infinity', [0n, 0n]],
    ['(0, 1)', [0n, 1n]],
    ['a node', [1n, 0n]],
    ['order 2 elsewhere', [5n, 0n]],
    ['beside the curve', [VICTIM[0], mod(VICTIM[1] + 1n, P)]],
    ['the twist', twisted()],
    ['p - 1', [P - 1n, P - 1n]],
  ]
  const { statement, point } = signed('elsewhere')
  const draft = honest(statement, point)
  const cases = off.flatMap(([name, elsewhere]): Case[] => {
    const asQ: Statement = { ...statement, qx: elsewhere[0], qy: elsewhere[1] }
    const asR: Statement = { ...statement, r: mod(elsewhere[0], N) }
    const slopesOfQ = walk(point, elsewhere, draft.operations).slopes
    const r: Point = [asR.r, elsewhere[1]]
    const slopesOfR = walk(r, [statement.qx, statement.qy], draft.operations).slopes
    return [
      { name: `Q: ${name}`, statement: asQ, hint: complete({ ...draft, statement: asQ, slopes: slopesOfQ }) },
      {
        name: `R: ${name}`,
        statement: asR,
        hint: complete({ ...draft, statement: asR, y: r[1], slopes: slopesOfR }),
      },
    ]
  })
  expect(Object.values(await verdicts(cases))).not.toContain('accepted')
})

/** (x, y) with y² = -(x³ - 3x + b): of the quadratic twist. */
function twisted(): Point {
  for (let x = 2n; ; x++) {
    const [, y] = lift(x) ?? [0n, undefined]
    if (y === undefined) return [x, sure(squareRoot(mod(-(x ** 3n - 3n * x + B), P), P))]
  }
}

test('degenerate scalars have honest hints, of both makers', async () => {
  const high = 1n << 192n
  const repeated = BigInt(`0x${'1'.repeat(95)}`)
  const pairs: [bigint, bigint][] = [
    [0n, digestOf('u2') >> 1n],
    [0n, 1n],
    [0n, 2n],
    [1n, 1n],
    [N - 1n, 2n],
    [5n, high],
    [high, N - 1n],
    [1n, N - high],
    [digestOf('u1') >> 1n, 1n],
    [digestOf('u1') >> 1n, N - 1n],
    [high >> 1n, 1n << 191n],
    [1n << 383n, 1n << 383n],
    [repeated, repeated],
    [(1n << 192n) - 1n, (1n << 192n) - 1n],
    [N >> 1n, (N >> 1n) + 1n],
  ]
  const key = sure(multiply(digestOf('degenerate'), G))
  const statements = pairs.map(([u1, u2]): { name: string; statement: Statement; point: Point } => {
    const point = sure(combine([u1, G], [u2, key]))
    const r = mod(point[0], N)
    const s = mod(r * inverse(u2, N), N)
    return { name: `${u1} ${u2}`, statement: { e: mod(u1 * s, N), r, s, qx: key[0], qy: key[1] }, point }
  })
  const mine = statements.map(
    ({ name, statement, point }): Case => ({ name, statement, hint: complete(honest(statement, point)) }),
  )
  const theirs = statements.map(
    ({ name, statement }): Case => ({
      name: `sdk ${name}`,
      statement,
      hint: proveP384(encodeStatement(statement)),
    }),
  )
  await expectAll('accepted', [...mine, ...theirs])
})

test('a step that adds A to itself is a doubling; one that adds -A has no slope', async () => {
  // A is [8]S when R is added, and R is [8]S or its opposite
  const point = sure(multiply(8n, S))
  const equal = meeting(point, false)
  const opposite = meeting(negate(point), false)
  const subtracted = meeting(point, true)
  const slopes = [0n, 1n, equal.hint.slopes[19]!, P - 1n, digestOf('slope') >> 1n]
  const found = await verdicts([
    { name: 'equal', ...equal },
    ...[opposite, subtracted].flatMap(({ statement, hint }, k) =>
      slopes.map((slope, i): Case => {
        const changed = { ...hint, slopes: hint.slopes.with(19, slope) }
        return { name: `${k} ${i}`, statement, hint: proveAgain(statement, changed) }
      }),
    ),
  ])
  expect(found).toMatchObject({ equal: 'accepted' })
  expect(Object.values(found).filter(verdict => verdict === 'accepted')).toHaveLength(1)
})

/** A true statement, and a schedule that adds R after three doublings. */
function meeting(point: Point, subtract: boolean): { statement: Statement; hint: Hint } {
  const plus = (table: number, doublings = 0): Operation => ({ doublings, subtract: false, table, index: 0 })
  const operations = [{ ...plus(0, 3), subtract }, ...afterPairs(190), plus(1), plus(2), plus(0)]
  const draft = loose({ point, operations, v: scalarsOf(operations).v })
  return { statement: draft.statement, hint: complete(draft) }
}

test('K: every length, nought, its bounds, and the other sign', async () => {
  const { statement, point } = signed('lengths of K')
  const { hint, h1 } = prepare(honest(statement, point))
  const needed = Math.ceil((hint.k.toString(2).replace('-', '').length + 1) / 256) * 32
  const lengths = Array.from({ length: 16 }, (_, i) => 32 * (i + 1))
  const found = await verdicts(
    lengths.map(kBytes => ({ name: `${kBytes}`, statement, hint: withNonce({ ...hint, kBytes }, h1) })),
  )
  for (const kBytes of lengths) expect(found[kBytes]).toBe(kBytes >= needed ? 'accepted' : 'NotProven')
  const bound = 1n << 4095n
  const others = [0n, 1n, -1n, bound - 1n, -bound, -hint.k, hint.k + 1n, hint.k - 1n]
  await expectAll(
    'NotProven',
    others.map(k => ({
      name: `${k >> 4000n}`.concat(`${k & 3n}`),
      statement,
      hint: withNonce({ ...hint, k }, h1),
    })),
  )
})

test('M at both ends of its range', async () => {
  const { statement, point } = signed('moduli')
  const draft = honest(statement, point)
  const [low, high] = [1n << 247n, 1n << 248n]
  const near = (name: string, suits: (m: bigint) => boolean): Case => ({
    name,
    statement,
    hint: complete(draft, { suits }),
  })
  await expectAll('accepted', [
    near('2^247', m => m - low < 1n << 240n),
    near('2^248', m => high - m < 1n << 240n),
  ])
})

test('a false statement with a trace of its own, true but for its end', async () => {
  const cases = Array.from({ length: 20 }, (_, i): Case => {
    const draft = universal(i)
    return {
      name: `${i}`,
      statement: draft.statement,
      hint: complete({ ...draft, ...withPairs(draft, walk(draft.point, VICTIM, draft.operations).end, i) }),
    }
  })
  await expectAll('NotProven', cases)
})

test('the costliest hint, which is refused at the very end, has a bound in gas', async () => {
  const { statement, hint } = withOperations(200)
  const wrong = { ...hint, k: hint.k + 1n, slopes: hint.slopes.map(slope => slope | 1n) }
  const proved = proveAgain(statement, wrong)
  await expectAll('NotProven', [{ name: 'costly', statement, hint: proved }])
  const gas = await gasOf(chain.rpcUrl, address, { statement, hint: proved })
  expect(gas).toBeLessThan(WORST_GAS)
  expect(WORST_GAS).toBeLessThan(TRANSACTION_GAS)
})
