import { proveP384 } from '@nacre/sdk/attest/p384/hint'
import { expect, test } from 'vitest'
import { type Case, expectAll, startContract, verdicts } from './against.ts'
import { afterPairs, digestOf, loose, signed, VICTIM, valid } from './cases.ts'
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
import { complete, honest, proveAgain, walk } from './forge.ts'
import { decodeHint, encodeStatement, type Hint, type Operation, type Statement } from './hint.ts'
import { scalarsOf } from './relations.ts'

/** Points and scalars at which a curve's formulas break. */
startContract()

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
