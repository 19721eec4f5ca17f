import { expect, test } from 'vitest'
import { type Case, expectAll, gasOfCall, startContract, verdicts } from './against.ts'
import { digestOf, signed, universal, VICTIM, valid, withOperations, withPairs } from './cases.ts'
import { mod, N, P } from './curve.ts'
import { complete, honest, prepare, proveAgain, walk, withNonce } from './forge.ts'
import { encodeHint, type Hint, type Statement } from './hint.ts'

/** Hints that were changed, K and M at their edges, and what a hostile hint costs. */
startContract()

const LONG = process.env.NACRE_LONG === '1'
/** Of a call whose hint is as long as one can be and is refused at the very end. */
const WORST_GAS = 300_000

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
  const count = LONG ? 5000 : 150
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
  expect(await gasOfCall({ statement, hint: proved })).toBeLessThan(WORST_GAS)
})
