import { expect, test } from 'vitest'
import { type Case, expectAll, startContract, verdicts } from './against.ts'
import { anyPoint, beyondN, FORGED, keyFor, signed, valid, withOperations } from './cases.ts'
import { lift, mod, N, P, type Point, sure } from './curve.ts'
import { complete, honest, proveAgain } from './forge.ts'
import {
  encodeHint,
  encodeStatement,
  FIXED_SLOPES,
  type Hint,
  type Operation,
  type Statement,
} from './hint.ts'

/** Lengths, schedules and numbers that the page excludes, or just does not. */
startContract()

const LONG = process.env.NACRE_LONG === '1'

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
