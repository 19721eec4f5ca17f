import { add, inverseF, type K, mul, negate, scale, sub, sum, toF, toK } from './field.ts'
import { fold } from './points.ts'

/** Where messages go and challenges come from. */
export type Rounds = { send: (label: string, values: readonly K[]) => readonly K[]; point: () => K }

export type Summed = { point: K[]; claim: K; last: K[] }

/**
 * The prover of section 6 of docs/zk-soundness.md: Σ_x combine(tables at x) = claim, of degree d in each variable.
 * Follows its messages even where the claim is false: g(1) is what the claim leaves.
 * @returns the point, the last claim, and the tables' values at the point
 */
export function sumcheck(
  start: K,
  degree: 2 | 3,
  tables: readonly (readonly K[])[],
  combine: (values: readonly K[]) => K,
  rounds: Rounds,
): Summed {
  const point: K[] = []
  let claim = start
  let rest = tables.map(table => [...table])
  while (rest[0]!.length > 1) {
    const g = (x: number): K => sum(linesAt(rest, x).map(combine))
    const message = [0, 2, 3].filter(x => x <= degree).map(g)
    const [g0, ...others] = rounds.send('round', message)
    const r = rounds.point()
    claim = interpolate([g0!, sub(claim, g0!), ...others], r)
    point.push(r)
    rest = rest.map(table => fold(table, r))
  }
  return { point, claim, last: rest.map(table => table[0]!) }
}

/** For each pair of halves, the values of all tables on their lines at x. */
function linesAt(tables: readonly (readonly K[])[], x: number): K[][] {
  const half = tables[0]!.length / 2
  return Array.from({ length: half }, (_, i) =>
    tables.map(table => add(table[i]!, scale(x, sub(table[i + half]!, table[i]!)))),
  )
}

/** The polynomial of degree at most 2 or 3 with these values at 0, 1, 2 (, 3), at r: the formulas of section 6. */
export function interpolate(g: readonly K[], r: K): K {
  const minus = (x: number): K => sub(r, toK(x))
  const half = inverseF(2n)
  const sixth = inverseF(6n)
  const term = (factor: bigint, value: K, ...factors: K[]): K => scale(factor, factors.reduce(mul, value))
  const [g0, g1, g2, g3] = g
  if (g3 === undefined)
    return sum([
      term(half, g0!, minus(1), minus(2)),
      negate(term(1n, g1!, r, minus(2))),
      term(half, g2!, r, minus(1)),
    ])
  return sum([
    term(toF(-sixth), g0!, minus(1), minus(2), minus(3)),
    term(half, g1!, r, minus(2), minus(3)),
    term(toF(-half), g2!, r, minus(1), minus(3)),
    term(sixth, g3, r, minus(1), minus(2)),
  ])
}
