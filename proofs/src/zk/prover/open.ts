/**
 * Openings, docs/zk-soundness.md section 5: all claims about a matrix at once. The vector that the matrix is multiplied
 * with is a sum of products of a vector over rows and one over columns. So the rows' variables are bound first, on the
 * matrix times the columns' vectors: no vector of K is as long as the matrix, and what is left of it then is the row ρ.
 */
import type { Item, MatrixShape } from '../graph/graph.ts'
import type { Channel, Prover } from './channel.ts'
import type { Address, Engine } from './engine.ts'
import { add, type K, mul, ONE, sub, ZERO } from './field.ts'
import { quadraticAt, sumcheckProduct } from './sumcheck.ts'

/** A packed vector's extension at a point. */
export type PackedClaim = { item: Item; point: K[]; value: K }

/** Weights rows[i] · cols[j]; sums[i] is the matrix's row i times cols. */
type Part = { rows: Address; cols: Address; sums: Address }

/**
 * Steps 1 to 4.
 * @param matrix 2^mu elements of F, zero after the rows
 */
export function openMatrix(
  { engine, channel }: Prover,
  matrix: Address,
  shape: MatrixShape,
  claims: readonly PackedClaim[],
): void {
  const gamma = channel.element('open')
  engine.scoped(() => {
    const { parts, sum } = weigh(engine, matrix, shape, claims, gamma)
    const size = 2 ** shape.c
    const bound = bindRowVariables({ engine, channel }, parts, shape.mu - shape.c, sum)
    const eq = engine.eqTable(bound.point, ONE)
    const [row, copy] = [engine.vector(size), engine.vector(size)]
    engine.kernels.dotRows(row, matrix, shape.rows, size, eq)
    engine.bytes.copyWithin(copy, row, row + 16 * size)
    const weights = zeros(engine, size)
    for (const { rows, cols } of parts) engine.kernels.addScaled(weights, cols, size, rows)
    const { values } = sumcheckProduct({ engine, channel }, bound.claim, shape.c, copy, weights)
    channel.send('value', values[0])
    engine.kernels.fromMont(row, row, 4 * size)
    channel.sendBytes('row', engine.bytes.slice(row, row + 16 * size))
  })
}

/** The first rounds, over the rows' variables. */
function bindRowVariables(
  { engine, channel }: { engine: Engine; channel: Channel },
  parts: readonly Part[],
  rounds: number,
  claim: K,
): { point: K[]; claim: K } {
  const [out, r] = [engine.vector(2), engine.vector(1)]
  const point: K[] = []
  for (let n = 2 ** rounds; n > 1; n /= 2) {
    let [g0, g2] = [ZERO, ZERO]
    for (const { rows, sums } of parts) {
      engine.kernels.product2(sums, rows, n, out)
      g0 = add(g0, engine.load(out))
      g2 = add(g2, engine.load(out + 16))
    }
    channel.send('round', g0, g2)
    const c = channel.element('point')
    claim = quadraticAt(g0, sub(claim, g0), g2, c)
    point.push(c)
    engine.store(r, c)
    for (const { rows, sums } of parts) {
      engine.kernels.foldExt(rows, rows, n, r)
      engine.kernels.foldExt(sums, sums, n, r)
    }
  }
  return { point, claim }
}

/**
 * The sum of gamma^j eq((prefix_j, r_j), i) in parts, and the sum of gamma^j value_j. Claims whose points end in the
 * same c coordinates share a part, and so do all those within one row.
 */
function weigh(
  engine: Engine,
  matrix: Address,
  { c, mu, rows: count }: MatrixShape,
  claims: readonly PackedClaim[],
  gamma: K,
): { parts: Part[]; sum: K } {
  const parts = new Map<string, Part>()
  const [height, width] = [2 ** (mu - c), 2 ** c]
  const part = (key: string, cols: () => Address): Part => {
    const known = parts.get(key)
    if (known) return known
    const made = { rows: zeros(engine, height), cols: cols(), sums: engine.vector(height) }
    parts.set(key, made)
    return made
  }
  let [power, sum] = [ONE, ZERO]
  for (const { item, point, value } of claims) {
    const row = Math.floor(item.offset / width)
    if (item.size < width) {
      const { rows, cols } = part(`row ${row}`, () => zeros(engine, width))
      engine.store(rows + 16 * row, ONE)
      addEq({ engine }, cols + 16 * (item.offset % width), point, power)
    } else {
      const low = point.slice(point.length - c)
      const { rows } = part(low.join(' '), () => engine.eqTable(low, ONE))
      addEq({ engine }, rows + 16 * row, point.slice(0, point.length - c), power)
    }
    sum = add(sum, mul(power, value))
    power = mul(power, gamma)
  }
  for (const { cols, sums } of parts.values()) {
    engine.bytes.fill(0, sums, sums + 16 * height)
    engine.kernels.dotCols(sums, matrix, count, width, cols)
  }
  return { parts: [...parts.values()], sum }
}

function zeros(engine: Engine, size: number): Address {
  const at = engine.vector(size)
  engine.bytes.fill(0, at, at + 16 * size)
  return at
}

/** to[i] += factor eq(point, i). */
export function addEq({ engine }: Pick<Prover, 'engine'>, to: Address, point: readonly K[], factor: K): void {
  engine.scoped(() => {
    const [r, f] = [engine.put(...point), engine.put(factor)]
    const scratch = engine.vector(2 ** Math.max(0, point.length - 1))
    engine.kernels.eqTableAdd(to, r, point.length, f, scratch)
  })
}
