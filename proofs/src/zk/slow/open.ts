import { add, type F, type K, mul, ONE, scale, sum, toK, ZERO } from './field.ts'
import type { Matrix } from './layout.ts'
import { eq, eqTable, extension, vertex } from './points.ts'
import type { Claim, Run } from './run.ts'

/** Steps 1 to 4 of an opening (docs/zk-soundness.md, section 5) of a packed vector of 2^μ elements. */
export function proveOpening(
  run: Run,
  vector: readonly F[],
  { c, rows, mu }: Matrix,
  claims: readonly Claim[],
): void {
  const [gamma] = run.challenge('open', 1)
  const points = claims.map(({ vector: { size, offset }, point }) => [
    ...vertex(offset / size, mu - Math.log2(size)),
    ...point,
  ])
  const powers = powersOf(gamma!, claims.length)
  const weights = new Array<K>(2 ** mu).fill(ZERO)
  claims.forEach(({ vector: { offset }, point }, j) => {
    eqTable(point).forEach((value, i) => {
      weights[offset + i] = add(weights[offset + i]!, mul(powers[j]!, value))
    })
  })
  const total = sum(claims.map(({ value }, j) => mul(powers[j]!, value)))
  const values = vector.map(toK)
  const { point, claim } = run.sum(total, 2, [values, weights], ([a, b]) => mul(a!, b!))
  const weight = sum(points.map((p, j) => mul(powers[j]!, eq(p, point))))
  const [delta] = run.send('value', [extension(values, point)], {
    of: ([d]) => mul(d!, weight),
    wanted: claim,
  })
  const rowWeights = eqTable(point.slice(0, mu - c)).slice(0, rows)
  const row = Array.from({ length: 2 ** c }, (_, i) =>
    sum(rowWeights.map((e, k) => scale(vector[k * 2 ** c + i]!, e))),
  )
  const columnPoint = point.slice(mu - c)
  run.send('row', row, { of: list => extension(list, columnPoint), wanted: delta! })
}

/** 1, γ, γ², ... */
export function powersOf(gamma: K, count: number): K[] {
  const powers: K[] = []
  for (let power = ONE; powers.length < count; power = mul(power, gamma)) powers.push(power)
  return powers
}
