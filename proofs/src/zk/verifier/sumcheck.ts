/** Sumcheck (docs/zk-soundness.md, section 6). */
import type { Channel } from './channel.ts'
import { add, HALF, type K, mul, ONE, SIXTH, scale, sub, toK } from './field.ts'

/** What is left of a sum: its value is right if the summed polynomial is `claim` at `point`. */
export type Reduced = { point: K[]; claim: K }

const TWO = toK(2)
const THREE = toK(3)

/** Follows the prover through `rounds` rounds; whether the last claim holds is for the caller to check. */
export function sumcheck(channel: Channel, sum: K, rounds: number, degree: 2 | 3): Reduced {
  const point: K[] = []
  let claim = sum
  for (let round = 0; round < rounds; round++) {
    const [g0, ...others] = channel.receive('round', degree) as [K, ...K[]]
    const r = channel.challenge('point').element()
    claim = interpolate([g0, sub(claim, g0), ...others], r)
    point.push(r)
  }
  return { point, claim }
}

/** The polynomial of degree 2 or 3 with the values g(0), g(1), ... at r. */
export function interpolate(g: readonly K[], r: K): K {
  const [r1, r2] = [sub(r, ONE), sub(r, TWO)]
  const [g0, g1, g2, g3] = g as [K, K, K, K | undefined]
  if (g3 === undefined) {
    const ends = scale(add(mul(g0, mul(r1, r2)), mul(g2, mul(r, r1))), HALF)
    return sub(ends, mul(g1, mul(r, r2)))
  }
  const third = sub(r, THREE)
  const outer = scale(sub(mul(g3, mul(r, r2)), mul(mul(g0, r2), third)), SIXTH)
  const inner = scale(mul(r, sub(mul(mul(g1, r2), third), mul(mul(g2, r1), third))), HALF)
  return add(mul(outer, r1), inner)
}
