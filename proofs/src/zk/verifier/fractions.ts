/** LogUp by GKR: from the sum of all lookups' fractions to one point of the leaves (docs/zk-soundness.md, section 7, step 3). */
import type { Channel } from './channel.ts'
import type { Checks } from './checks.ts'
import { add, equal, type K, mix, mul, ZERO } from './field.ts'
import { eq } from './points.ts'
import { sumcheck } from './sumcheck.ts'

/** What is left to check: the extensions of the leaves' numerators and denominators at a point. */
export type LeafClaim = { point: K[]; p: K; q: K }

/** @param nu levels of the tree, at least one */
export function reduceFractions(channel: Channel, checks: Checks, nu: number): LeafClaim {
  const root = receiveHalves(channel)
  checks.ensure('lookup-sum', equal(root.numerator, ZERO), 'the fractions of lookups and tables add up to 0')
  checks.ensure('lookup-denominators', !equal(root.denominator, ZERO), 'no fraction divides by 0')
  const tau = channel.challenge('level').element()
  let claim: LeafClaim = { point: [tau], ...root.at(tau) }
  for (let level = 1; level < nu; level++) claim = reduceLayer(channel, checks, level, claim)
  return claim
}

function reduceLayer(channel: Channel, checks: Checks, level: number, claim: LeafClaim): LeafClaim {
  const lambda = channel.challenge('mix').element()
  const sum = add(claim.p, mul(lambda, claim.q))
  const reduced = sumcheck(channel, sum, level, 3)
  const halves = receiveHalves(channel)
  const mixed = add(halves.numerator, mul(lambda, halves.denominator))
  checks.ensure(
    `lookup-layer-${level}`,
    equal(reduced.claim, mul(eq(claim.point, reduced.point), mixed)),
    'level by level, each fraction is the sum of two',
  )
  const tau = channel.challenge('level').element()
  return { point: [tau, ...reduced.point], ...halves.at(tau) }
}

/** A level's two halves at one point: their sum as a fraction, and the line through them. */
type Halves = { numerator: K; denominator: K; at(tau: K): { p: K; q: K } }

function receiveHalves(channel: Channel): Halves {
  const [p0, p1, q0, q1] = channel.receive('fraction', 4) as [K, K, K, K]
  return {
    numerator: add(mul(p0, q1), mul(p1, q0)),
    denominator: mul(q0, q1),
    at: tau => ({ p: mix(p0, p1, tau), q: mix(q0, q1, tau) }),
  }
}
