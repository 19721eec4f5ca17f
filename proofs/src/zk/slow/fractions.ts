import { add, type K, mul, negate, ONE, scale, sub, toK, ZERO } from './field.ts'
import { eq, eqTable } from './points.ts'
import type { Run } from './run.ts'

/** A level of fractions p / q. */
type Level = { p: K[]; q: K[] }

/** α - (id + β a + β² b + β³ c). */
export function fingerprint(alpha: K, beta: K, id: number, triple: readonly K[]): K {
  const [a, b, c] = triple
  const tail = mul(beta, add(a!, mul(beta, add(b!, mul(beta, c!)))))
  return sub(alpha, add(toK(id), tail))
}

/** Step 3 of docs/zk-soundness.md, section 7: the lookups' sum of fractions is zero. Returns the last point. */
export function proveFractions(run: Run, alpha: K, beta: K): { point: K[]; P: K; Q: K } {
  const levels = treeOf(leavesOf(run, alpha, beta))
  const top = levels[0]!
  const [p0, p1, q0, q1] = run.send('fraction', [...top.p, ...top.q], {
    of: ([a, b, c, d]) => add(mul(a!, d!), mul(b!, c!)),
    wanted: ZERO,
  })
  const [tau] = run.challenge('level', 1)
  let at = { point: [tau!], P: mix(p0!, p1!, tau!), Q: mix(q0!, q1!, tau!) }
  for (const level of levels.slice(1)) at = proveLevel(run, level, at)
  return at
}

const mix = (low: K, high: K, r: K): K => add(low, mul(r, sub(high, low)))

function leavesOf({ layout, witness }: Run, alpha: K, beta: K): Level {
  const p = new Array<K>(2 ** layout.nu).fill(ZERO)
  const q = new Array<K>(2 ** layout.nu).fill(ONE)
  layout.lookups.forEach(({ id, offset }, l) => {
    witness.triples[l]!.forEach((triple, i) => {
      p[offset + i] = ONE
      q[offset + i] = fingerprint(alpha, beta, id, triple.map(toK))
    })
  })
  layout.tables.forEach(({ offset }, t) => {
    witness.entries[t]!.forEach((entry, i) => {
      p[offset + i] = negate(toK(witness.multiplicities[t]![i]!))
      q[offset + i] = fingerprint(alpha, beta, t + 1, entry.map(toK))
    })
  })
  return { p, q }
}

/** All levels, from the two fractions at the top down to the leaves. */
function treeOf(leaves: Level): Level[] {
  const levels = [leaves]
  while (levels[0]!.p.length > 2) {
    const { p, q } = levels[0]!
    const half = p.length / 2
    const pairs = Array.from({ length: half }, (_, i) => i)
    levels.unshift({
      p: pairs.map(i => add(mul(p[i]!, q[i + half]!), mul(p[i + half]!, q[i]!))),
      q: pairs.map(i => mul(q[i]!, q[i + half]!)),
    })
  }
  return levels
}

function proveLevel(run: Run, { p, q }: Level, at: { point: K[]; P: K; Q: K }): { point: K[]; P: K; Q: K } {
  const [lambda] = run.challenge('mix', 1)
  const half = p.length / 2
  const inner = ([p0, p1, q0, q1]: readonly K[]): K =>
    add(add(mul(p0!, q1!), mul(p1!, q0!)), mul(lambda!, mul(q0!, q1!)))
  const tables = [eqTable(at.point), p.slice(0, half), p.slice(half), q.slice(0, half), q.slice(half)]
  const { point, claim, last } = run.sum(add(at.P, mul(lambda!, at.Q)), 3, tables, ([e, ...values]) =>
    mul(e!, inner(values)),
  )
  const [p0, p1, q0, q1] = run.send('fraction', last.slice(1), {
    of: values => mul(eq(at.point, point), inner(values)),
    wanted: claim,
  })
  const [tau] = run.challenge('level', 1)
  return { point: [tau!, ...point], P: mix(p0!, p1!, tau!), Q: mix(q0!, q1!, tau!) }
}

/** Used by step 4: weight of an item among the leaves, eq(prefix of its offset, ρ). */
export function itemWeight(rho: readonly K[], item: { size: number; offset: number }): K {
  const free = Math.log2(item.size)
  const prefix = rho.slice(0, rho.length - free)
  const index = item.offset / item.size
  return prefix.reduce(
    (weight, r, i) => {
      const bit = Math.floor(index / 2 ** (prefix.length - 1 - i)) % 2
      return mul(weight, bit === 1 ? r : sub(ONE, r))
    },
    scale(1, ONE),
  )
}
