/** The prover's sumchecks over vectors in the engine's memory, docs/zk-soundness.md section 6. */
import type { Prover } from './channel.ts'
import type { Address } from './engine.ts'
import { add, inverseOfPower, type K, mul, ONE, scale, sub } from './field.ts'

/** The point, and each vector's value at it. */
export type Bound<Values extends K[]> = { point: K[]; values: Values }

/** Sum of a(x) b(x) over x of `rounds` bits: two vectors of K, which it uses up. */
export function sumcheckProduct(
  { engine, channel }: Prover,
  claim: K,
  rounds: number,
  a: Address,
  b: Address,
): Bound<[K, K]> {
  const point: K[] = []
  engine.scoped(() => {
    const [out, r] = [engine.vector(2), engine.vector(1)]
    for (let n = 2 ** rounds; n > 1; n /= 2) {
      engine.kernels.product2(a, b, n, out)
      const g0 = engine.load(out)
      const g2 = engine.load(out + 16)
      channel.send('round', g0, g2)
      const c = channel.element('point')
      claim = quadraticAt(g0, sub(claim, g0), g2, c)
      point.push(c)
      engine.store(r, c)
      engine.kernels.foldExt(a, a, n, r)
      engine.kernels.foldExt(b, b, n, r)
    }
  })
  return { point, values: [engine.load(a), engine.load(b)] }
}

/** The same of a vector of F, which stays, and one of K, which it uses up. */
export function sumcheckBase(
  prover: Prover,
  claim: K,
  rounds: number,
  a: Address,
  b: Address,
): Bound<[K, K]> {
  const { engine, channel } = prover
  return engine.scoped(() => {
    const n = 2 ** rounds
    const folded = engine.vector(Math.max(1, n / 2))
    if (rounds === 0) {
      engine.kernels.liftAll(folded, a, 1)
      return { point: [], values: [engine.load(folded), engine.load(b)] }
    }
    const [out, r] = [engine.vector(2), engine.vector(1)]
    engine.kernels.product2Base(a, b, n, out)
    const g0 = engine.load(out)
    const g2 = engine.load(out + 16)
    channel.send('round', g0, g2)
    const c = channel.element('point')
    engine.store(r, c)
    engine.kernels.foldBase(folded, a, n, r)
    engine.kernels.foldExt(b, b, n, r)
    const next = quadraticAt(g0, sub(claim, g0), g2, c)
    const { point, values } = sumcheckProduct(prover, next, rounds - 1, folded, b)
    return { point: [c, ...point], values }
  })
}

/** Sum of e(x) a(x) b(x): three vectors of K, which it uses up. */
export function sumcheckTriple(
  { engine, channel }: Prover,
  rounds: number,
  e: Address,
  a: Address,
  b: Address,
): Bound<[K, K, K]> {
  const point: K[] = []
  engine.scoped(() => {
    const [out, r] = [engine.vector(3), engine.vector(1)]
    for (let n = 2 ** rounds; n > 1; n /= 2) {
      engine.kernels.product3(e, a, b, n, out)
      channel.send('round', engine.load(out), engine.load(out + 16), engine.load(out + 32))
      const c = channel.element('point')
      point.push(c)
      engine.store(r, c)
      for (const vector of [e, a, b]) engine.kernels.foldExt(vector, vector, n, r)
    }
  })
  return { point, values: [engine.load(e), engine.load(a), engine.load(b)] }
}

const HALF = inverseOfPower(1)[0]

/** g(r) of the polynomial of degree 2 with g(0), g(1), g(2). */
export function quadraticAt(g0: K, g1: K, g2: K, r: K): K {
  const second = sub(sub(g2, g1), sub(g1, g0))
  return add(g0, mul(r, add(sub(g1, g0), mul(scale(sub(r, ONE), HALF), second))))
}
