/**
 * From a point of the leaves to values of the columns (docs/zk-soundness.md, section 7, step 4): all triples are affine in
 * them.
 */
import type { ColumnName, Item, Node } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import {
  type Affine,
  type CommittedNode,
  committedOf,
  isCommitted,
  tableEntries,
  type ValueName,
} from '../graph/lookups.ts'
import { add, equal, invF, type K, mul, ONE, powers, powF, scale, sub, toF, toK, ZERO } from './field.ts'
import type { LeafClaim } from './fractions.ts'
import { eqAt, eqTable, groupsOf, middle, valid, weighted } from './points.ts'
import type { Session } from './session.ts'

/** α and β of step 2. */
export type Fingerprint = { alpha: K; beta: K }

/** A value that the prover sends: of the node's input, or of a column; factor · it is what triples are made of. */
type Wanted = { node: number; name: ValueName; over: Over; column?: ColumnName; point: K[]; factor?: number }

/** At x's point, or at y's. */
type Over = 'x' | 'y'
type Values = Partial<Record<ValueName, K>>
type NodeValues = Record<Over, Values> & { mask: K }

export function checkLeaves(session: Session, { alpha, beta }: Fingerprint, leaf: LeafClaim): void {
  const { graph, layout, checks } = session
  const { nodes, multiplicities } = receiveValues(session, leaf.point)
  const betas = powers(beta, 4)
  const denominator = (table: number, triple: readonly K[]): K =>
    [toK(table + 1), ...triple].reduce((rest, part, i) => sub(rest, mul(betas[i]!, part)), alpha)
  // Leaves that belong to no item are 0/1.
  let [p, q] = [ZERO, ONE]
  const place = ({ offset, size }: Item, numerator: K, below: K): void => {
    const weight = eqAt(leaf.point.slice(0, leaf.point.length - bits(size)), offset / size)
    p = add(p, mul(weight, numerator))
    q = add(q, mul(weight, sub(below, ONE)))
  }
  const lookups = graph.nodes.map(node =>
    isCommitted(node) ? committedOf(graph, node, layout.tensors[node.x]!.dims).lookups : [],
  )
  for (const item of layout.lookups) {
    const { over, triple } = lookups[item.node]!.find(({ part }) => part === item.part)!
    const { mask, [over]: values } = nodes[item.node]!
    const parts = triple.map(part => affine(part, values, mask))
    place(item, ONE, denominator(item.table, parts))
  }
  layout.tables.forEach((table, t) => {
    const weights = eqTable(last(leaf.point, bits(table.size)))
    const parts = tableEntries(graph, table.id).parts.map(part => weighted(part, weights))
    place(table, sub(ZERO, multiplicities[t]!), denominator(t, parts))
  })
  checks.ensure(
    'lookup-numerators',
    equal(p, leaf.p),
    'lookups count once, entries as often as they are used',
  )
  checks.ensure(
    'lookup-triples',
    equal(q, leaf.q),
    `${layout.lookups.length} lookups in ${layout.tables.length} tables are of the committed values`,
  )
}

/** Every value of step 4; each becomes a claim. */
function receiveValues(session: Session, rho: readonly K[]): { nodes: NodeValues[]; multiplicities: K[] } {
  const { graph, layout, channel, claims } = session
  const wanted = graph.nodes.flatMap((node, j) => (isCommitted(node) ? wantedOf(session, j, node, rho) : []))
  const received = channel.receive('values', wanted.length + layout.tables.length)
  const nodes = graph.nodes.map(node => constantsOf(session, node, rho))
  wanted.forEach(({ node, name, over, column, point, factor = 1 }, i) => {
    const value = received[i]!
    nodes[node]![over][name] = scale(value, factor)
    if (column) claims.column(node, column, point, value)
    else claims.tensor((graph.nodes[node] as CommittedNode).x, point, value)
  })
  const multiplicities = received.slice(wanted.length)
  layout.tables.forEach(({ size }, t) => {
    claims.multiplicities(t, last(rho, bits(size)), multiplicities[t]!)
  })
  return { nodes, multiplicities }
}

/** The values of one node, in the order in which they are sent. */
function wantedOf({ graph, layout }: Session, j: number, node: CommittedNode, rho: readonly K[]): Wanted[] {
  const [x, y] = [layout.tensors[node.x]!, layout.tensors[j + 1]!]
  const point = last(rho, bits(x.size))
  const input: Wanted = { node: j, name: 'x', over: 'x', point }
  const column = (name: ColumnName, at: K[], over: Over = 'x'): Wanted => {
    return { node: j, name, over, column: name, point: at }
  }
  if (node.op === 'lookup') {
    return [input, ...committedOf(graph, node, x.dims).columns.map(({ name }) => column(name, point))]
  }
  const own = last(rho, bits(y.size))
  const reduced = point.length - own.length
  const sum: Wanted = { ...column('z', [...own, ...middle(reduced)], 'y'), name: 'sum', factor: 2 ** reduced }
  const maximum = [input, column('M', point.slice(0, own.length)), column('z', point), sum]
  return node.op === 'max' ? maximum : [...maximum, column('M', own, 'y'), column('J', own, 'y')]
}

/** What the verifier knows by itself: where the reduced dimensions are true, and an argmax's ramp. */
function constantsOf({ layout }: Session, node: Node, rho: readonly K[]): NodeValues {
  if (node.op !== 'max' && node.op !== 'argmax') return { x: {}, y: {}, mask: ONE }
  const { dims, size } = layout.tensors[node.x]!
  const groups = groupsOf(dims, last(rho, bits(size)))
  const kept = dims.length - (node.op === 'max' ? node.count : 1)
  const mask = valid(dims.slice(kept), groups.slice(kept).flat())
  if (node.op === 'max') return { x: {}, y: {}, mask }
  const elements = dims.at(-1)!
  const highest = 2 ** bits(elements) - 1
  const values = Int32Array.from({ length: elements }, (_, k) => highest - k)
  const ramp = weighted(values, eqTable(groups.at(-1)!, elements))
  return { x: { ramp: mul(valid(dims.slice(0, kept), groups.slice(0, kept).flat()), ramp) }, y: {}, mask }
}

/** (Σ factor · value + constant) / 2^shift. */
function affine({ terms, constant, shift }: Affine, values: Values, mask: K): K {
  const sum = terms.reduce((total, { value, factor, masked }) => {
    const term = scale(values[value]!, toF(factor))
    return add(total, masked ? mul(mask, term) : term)
  }, toK(constant))
  return scale(sum, invF(powF(2, shift)))
}

function last(point: readonly K[], count: number): K[] {
  return point.slice(point.length - count)
}
