/** Lookups as a sum of fractions, and the tree that adds them: docs/zk-soundness.md section 7, step 3. */
import type { Prover } from './channel.ts'
import type { Address } from './engine.ts'
import { add, fromInteger, interpolate, inverse, isZero, type K, mul, ONE, sub } from './field.ts'
import { complement, eqOne } from './points.ts'

/** Numerators and denominators of 2^bits fractions. */
export type Level = { p: Address; q: Address; bits: number }

/** The claims that are left at the leaves: p(point) = p, q(point) = q. */
export type LeafClaim = { point: K[]; p: K; q: K }

/** All levels from the leaves to the one of two fractions, that one first. */
export function fractionTree({ engine }: Prover, leaves: Level): Level[] {
  const levels = [leaves]
  for (let { p, q, bits } = leaves; bits > 1; bits--) {
    const size = 2 ** (bits - 1)
    const [p2, q2] = [engine.vector(size), engine.vector(size)]
    engine.kernels.fractionTree(p, q, 2 * size, p2, q2)
    levels.unshift({ p: p2, q: q2, bits: bits - 1 })
    ;[p, q] = [p2, q2]
  }
  return levels
}

/** Reduces the sum's claim to the leaves. The levels are used up. */
export function proveFractions(prover: Prover, levels: Level[]): LeafClaim {
  const { engine, channel } = prover
  const [top, ...below] = levels as [Level, ...Level[]]
  const root = [top.p, top.p + 16, top.q, top.q + 16].map(at => engine.load(at)) as [K, K, K, K]
  if (isZero(mul(root[2], root[3])))
    throw new Error('a denominator is zero at this challenge: chance 2^-100, prove another input')
  let claim = sendFractions(prover, [], root)
  for (const level of below) {
    const mix = channel.element('mix')
    const { point, values } = engine.scoped(() => proveLevel(prover, level, claim, mix))
    claim = sendFractions(prover, point, values)
  }
  return claim
}

/** Sends p and q for both values of the first coordinate, and binds that to a challenge. */
function sendFractions({ channel }: Prover, point: K[], [p0, p1, q0, q1]: [K, K, K, K]): LeafClaim {
  channel.send('fraction', p0, p1, q0, q1)
  const tau = channel.element('level')
  return { point: [tau, ...point], p: interpolate(p0, p1, tau), q: interpolate(q0, q1, tau) }
}

/**
 * Sumcheck of the sum of eq(r, x) (p0 q1 + q0 s) with s = p1 + mix q1. The kernel leaves out the factor of eq that
 * belongs to this round's variable and to those before it: g(X) = bound eq(u, X) h(X) with h of degree 2, and the
 * claim about h, `inner`, is h's own: (1 - u) h(0) + u h(1) = inner.
 */
function proveLevel(prover: Prover, level: Level, { point: r, p, q }: LeafClaim, mix: K): Layer {
  const { engine, channel } = prover
  const { kernels } = engine
  const count = level.bits - 1
  const half = 16 * 2 ** count
  const vectors = [level.p, level.p + half, level.q, level.q + half] as const
  const [p0, s, q0, q1] = vectors
  const [out, challenge] = [engine.vector(2), engine.vector(1)]
  engine.store(challenge, mix)
  kernels.addScaled(s, q1, 2 ** count, challenge)
  const eq = engine.eqTable(r.slice(1), ONE)
  let [inner, bound] = [add(p, mul(mix, q)), ONE]
  const point: K[] = []
  for (let n = 2 ** count; n > 1; n /= 2) {
    kernels.fractionRound(p0, s, q0, q1, eq, n, out)
    const h = quadratic(engine.load(out), engine.load(out + 16), inner, r[point.length]!)
    const u = r[point.length]!
    const [g0, g2, g3] = [0, 2, 3].map(t => mul(mul(bound, eqOne(u, fromInteger(t))), h(fromInteger(t))))
    channel.send('round', g0!, g2!, g3!)
    const c = channel.element('point')
    inner = h(c)
    bound = mul(bound, eqOne(u, c))
    point.push(c)
    engine.store(challenge, c)
    for (const vector of vectors) kernels.foldExt(vector, vector, n, challenge)
    if (n > 2) kernels.sumHalves(eq, eq, n / 2)
  }
  const [v0, vs, w0, w1] = vectors.map(at => engine.load(at)) as [K, K, K, K]
  return { point, values: [v0, sub(vs, mul(mix, w1)), w0, w1] }
}

type Layer = { point: K[]; values: [K, K, K, K] }

/** h from h(0), its leading coefficient and (1 - u) h(0) + u h(1) = inner. */
function quadratic(h0: K, leading: K, inner: K, u: K): (x: K) => K {
  if (isZero(u)) throw new Error('a coordinate is zero: chance 2^-123, prove another input')
  const h1 = mul(sub(inner, mul(complement(u), h0)), inverse(u))
  const linear = sub(sub(h1, h0), leading)
  return x => add(h0, mul(x, add(linear, mul(x, leading))))
}
