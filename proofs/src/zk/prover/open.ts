/** Openings, docs/zk-soundness.md section 5: all claims about a matrix at once. */
import type { Item, MatrixShape } from '../graph/graph.ts'
import type { Prover } from './channel.ts'
import type { Address } from './engine.ts'
import { add, type K, mul, ONE, ZERO } from './field.ts'
import { sumcheckBase } from './sumcheck.ts'

/** A packed vector's extension at a point. */
export type PackedClaim = { item: Item; point: K[]; value: K }

/**
 * Steps 1 to 4.
 * @param matrix 2^mu elements of F, zero after the rows
 */
export function openMatrix(
  prover: Prover,
  matrix: Address,
  { mu, rows, c }: MatrixShape,
  claims: readonly PackedClaim[],
): void {
  const { engine, channel } = prover
  const gamma = channel.element('open')
  engine.scoped(() => {
    const [weights, claim] = weigh(prover, 2 ** mu, claims, gamma)
    const { point, values } = sumcheckBase(prover, claim, mu, matrix, weights)
    channel.send('value', values[0])
    const eq = engine.eqTable(point.slice(0, mu - c), ONE)
    const row = engine.vector(2 ** c)
    engine.kernels.dotRows(row, matrix, rows, 2 ** c, eq)
    engine.kernels.fromMont(row, row, 4 * 2 ** c)
    channel.sendBytes('row', engine.bytes.slice(row, row + 16 * 2 ** c))
  })
}

/** The vector of sum of gamma^j eq((prefix_j, r_j), i), and the sum of gamma^j value_j. */
function weigh({ engine }: Prover, size: number, claims: readonly PackedClaim[], gamma: K): [Address, K] {
  const weights = engine.vector(size)
  engine.bytes.fill(0, weights, weights + 16 * size)
  let [power, sum] = [ONE, ZERO]
  for (const { item, point, value } of claims) {
    addEq({ engine }, weights + 16 * item.offset, point, power)
    sum = add(sum, mul(power, value))
    power = mul(power, gamma)
  }
  return [weights, sum]
}

/** to[i] += factor eq(point, i). */
export function addEq({ engine }: Pick<Prover, 'engine'>, to: Address, point: readonly K[], factor: K): void {
  engine.scoped(() => {
    const [r, f] = [engine.put(...point), engine.put(factor)]
    const scratch = engine.vector(2 ** Math.max(0, point.length - 1))
    engine.kernels.eqTableAdd(to, r, point.length, f, scratch)
  })
}
