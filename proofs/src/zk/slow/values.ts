import type { ColumnName } from '../graph/graph.ts'
import type { CommittedNode } from './committed.ts'
import { roundingOf } from './committed.ts'
import { add, HALF, inverseF, type K, mul, negate, ONE, scale, sub, sum, toK, ZERO } from './field.ts'
import { fingerprint, itemWeight } from './fractions.ts'
import { reducedCount, remainderBits } from './layout.ts'
import { bits, eqTable, extension, Valid } from './points.ts'
import type { Check, Run } from './run.ts'
import { tableOf } from './run.ts'
import { windowOf } from './tables.ts'

/** What is said of one vector: which, where. */
type Spot =
  | { tensor: number; point: K[] }
  | { node: number; name: ColumnName; point: K[] }
  | { table: number; point: K[] }

/** Step 4 of docs/zk-soundness.md, section 7: the values at ρ behind the lookups' fractions, and claims on them. */
export function proveValues(
  run: Run,
  alpha: K,
  beta: K,
  { point: rho, P, Q }: { point: K[]; P: K; Q: K },
): void {
  const { graph, layout } = run
  const committed = graph.nodes.flatMap((node, j) =>
    node.op === 'lookup' || node.op === 'max' || node.op === 'argmax' ? [{ node, j }] : [],
  )
  const perNode = committed.map(({ node, j }) => spotsOf(run, node, j, rho))
  const tables = layout.tables.map((table, t): Spot => ({ table: t, point: suffix(rho, table.size) }))
  const spots = [...perNode.flat(), ...tables]

  const triplesFrom = (values: readonly K[]): K[][] => {
    let offset = 0
    return committed.flatMap(({ node }, i) => {
      const mine = values.slice(offset, offset + perNode[i]!.length)
      offset += perNode[i]!.length
      return node.op === 'lookup' ? lookupTriples(run, node, mine) : maximumTriples(run, node, mine, rho)
    })
  }
  const items = [...layout.lookups, ...layout.tables]
  const weights = items.map(item => itemWeight(rho, item))
  const tableTriples = layout.tables.map((table, t) => {
    const parts = [0, 1, 2].map(c => tableOf(run.witness.entries[t]!.map(entry => entry[c]!)))
    return parts.map(part => extension(part, suffix(rho, table.size)))
  })
  const numerators: Check = {
    of: values => {
      const counts = values.slice(spots.length - tables.length)
      return sum(
        weights.map((e, i) =>
          i < layout.lookups.length ? e : negate(mul(e, counts[i - layout.lookups.length]!)),
        ),
      )
    },
    wanted: P,
    bend: spots.length - 1,
  }
  const denominators: Check = {
    of: values => {
      const triples = [...triplesFrom(values), ...tableTriples]
      const id = (i: number): number => layout.lookups[i]?.id ?? i - layout.lookups.length + 1
      const terms = weights.map((e, i) => mul(e, sub(fingerprint(alpha, beta, id(i), triples[i]!), ONE)))
      return add(sum(terms), ONE)
    },
    wanted: Q,
  }
  const values = run.send(
    'values',
    spots.map(spot => valueAt(run, spot)),
    numerators,
    denominators,
  )
  spots.forEach((spot, i) => {
    const value = values[i]!
    if ('tensor' in spot) run.claim(spot.tensor, spot.point, value)
    else if ('name' in spot) run.claimColumn(spot.node, spot.name, spot.point, value)
    else run.claims.D.push({ vector: layout.tables[spot.table]!.multiplicities, point: spot.point, value })
  })
}

/** ρ_a: the last coordinates, for a vector of this size. */
const suffix = (rho: readonly K[], size: number): K[] => rho.slice(rho.length - Math.log2(size))

function valueAt({ layout, witness }: Run, spot: Spot): K {
  if ('tensor' in spot) return extension(tableOf(witness.tensors[spot.tensor]!), spot.point)
  if ('table' in spot) return extension(tableOf(witness.multiplicities[spot.table]!), spot.point)
  const column = layout.columns.findIndex(({ node, name }) => node === spot.node && name === spot.name)
  return extension(tableOf(witness.columns[column]!), spot.point)
}

function spotsOf({ layout }: Run, node: CommittedNode, j: number, rho: readonly K[]): Spot[] {
  const whole = suffix(rho, layout.shapes[node.x]!.size)
  const x: Spot = { tensor: node.x, point: whole }
  const own = (name: ColumnName, point: K[]): Spot => ({ node: j, name, point })
  if (node.op === 'lookup')
    return [x, ...layout.columns.filter(column => column.node === j).map(({ name }) => own(name, whole))]
  const size = layout.shapes[j + 1]!.size
  const at = suffix(rho, size)
  const kept = whole.slice(0, at.length)
  const halves = whole.slice(at.length).map(() => HALF)
  const spots = [x, own('M', kept), own('z', whole), own('z', [...at, ...halves])]
  return node.op === 'max' ? spots : [...spots, own('M', at), own('J', at)]
}

/** The lookups' triples of a lookup node, from x̃ and its columns' values. */
function lookupTriples(
  { graph }: Run,
  node: Extract<CommittedNode, { op: 'lookup' }>,
  values: readonly K[],
): K[][] {
  const { multiplier, shift, width, wide } = node
  const [s0] = remainderBits(shift)
  const rest = [...values]
  const x = rest.shift()!
  const r0 = shift > 0 ? rest.shift()! : undefined
  const r1 = shift > 12 ? rest.shift()! : undefined
  const remainder = add(r0 ?? ZERO, scale(2 ** s0, r1 ?? ZERO))
  const shifted = sub(add(scale(multiplier, x), toK(roundingOf(shift))), remainder)
  const q = scale(inverseF(2n ** BigInt(shift)), shifted)
  const ranges = [r0, r1].filter(r => r !== undefined).map(r => [r, ZERO, ZERO])
  if (!wide) return [...ranges, [add(q, toK(2 ** (width - 1))), rest[0]!, ZERO]]
  const [e, c, y0] = rest
  const { o, v } = windowOf(graph, node.f)
  const u = scale(inverseF(2n ** BigInt(v)), sub(sub(q, toK(o)), e!))
  return [...ranges, [add(u, toK(2 ** width)), c!, ZERO], [add(c!, ONE), e!, y0!]]
}

function maximumTriples(
  { layout }: Run,
  node: Exclude<CommittedNode, { op: 'lookup' }>,
  values: readonly K[],
  rho: readonly K[],
): K[][] {
  const { dims, size } = layout.shapes[node.x]!
  const reduced = node.op === 'max' ? node.count : 1
  const [keptDims, reducedDims] = [dims.slice(0, -reduced), dims.slice(-reduced)]
  const n = reducedCount(dims, reduced)
  const [x, M, z, zHalf, M2, J] = values
  const whole = suffix(rho, size)
  const keptBits = keptDims.reduce((total, dim) => total + bits(dim), 0)
  const [kept, rest] = [whole.slice(0, keptBits), whole.slice(keptBits)]
  const kappa = node.op === 'argmax' ? bits(n) : 0
  const masked = mul(Valid(reducedDims, rest), M!)
  const ramp =
    node.op === 'argmax'
      ? mul(
          Valid(keptDims, kept),
          sum(
            eqTable(rest)
              .slice(0, n)
              .map((e, k) => scale(2 ** kappa - 1 - k, e)),
          ),
        )
      : ZERO
  const difference = sub(sub(masked, scale(2 ** kappa, x!)), ramp)
  const count = sub(toK(n - 1), scale(2 ** rest.length, zHalf!))
  const triples = [
    [difference, z!, ZERO],
    [count, ZERO, ZERO],
  ]
  if (node.op === 'max') return triples
  const window = add(scale(inverseF(2n ** BigInt(kappa)), sub(M2!, J!)), toK(2 ** (node.window - 1)))
  return [...triples, [J!, ZERO, ZERO], [window, ZERO, ZERO]]
}
