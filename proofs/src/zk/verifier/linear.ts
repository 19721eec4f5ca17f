/** Virtual tensors, from the highest to the lowest: each claim becomes claims on inputs (docs/zk-soundness.md, section 7, step 6). */
import type { Op } from '../graph/graph.ts'
import { bits, sizeOf } from '../graph/limits.ts'
import { type CommittedNode, isCommitted } from '../graph/lookups.ts'
import { isFreeReshape } from '../graph/shapes.ts'
import type { Claim } from './claims.ts'
import { checkConv, checkUnfold } from './convolution.ts'
import { add, dot, equal, HALF, type K, mul, ONE, powers, powF, scale, toF } from './field.ts'
import { eq, groupsOf, lessThan, middle, reshapeSum, valid } from './points.ts'
import type { Session } from './session.ts'
import { sumcheck } from './sumcheck.ts'
import { type VirtualClaim, withoutBias } from './virtual.ts'

type VirtualOp = Exclude<Op, CommittedNode['op']>

const OPERATORS: { [O in VirtualOp]: (session: Session, virtual: VirtualClaim<O>) => void } = {
  dense: checkDense,
  conv: checkConv,
  unfold: checkUnfold,
  sum: passSum,
  matmul: checkMatmul,
  add: checkAdd,
  mul: checkMul,
  reshape: checkReshape,
  permute: passPermute,
}

export function checkVirtual(session: Session): void {
  const { graph, layout, claims } = session
  for (let tensor = graph.nodes.length; tensor >= 1; tensor--) {
    const node = graph.nodes[tensor - 1]!
    if (isCommitted(node)) continue
    const { dims } = layout.tensors[tensor]!
    const name = `node-${tensor - 1}-${node.op}`
    const claim = mergeClaims(session, name, claims.ofTensor(tensor))
    const check = OPERATORS[node.op] as (session: Session, virtual: VirtualClaim<Op>) => void
    check(session, { name, node, dims, groups: groupsOf(dims, claim.point), claim })
  }
}

/** Of several claims on one tensor, one. */
function mergeClaims({ channel, checks }: Session, name: string, claims: readonly Claim[]): Claim {
  if (claims.length === 1) return claims[0]!
  const gammas = powers(channel.challenge('merge').element(), claims.length)
  const values = claims.map(({ value }) => value)
  const reduced = sumcheck(channel, dot(gammas, values), claims[0]!.point.length, 2)
  const [value] = channel.receive('merged', 1) as [K]
  const weights = claims.map(({ point }) => eq(point, reduced.point))
  const holds = equal(reduced.claim, mul(value, dot(gammas, weights)))
  checks.ensure(`${name}-merged`, holds, `${claims.length} claims are one`)
  return { point: reduced.point, value }
}

function checkDense(session: Session, virtual: VirtualClaim<'dense'>): void {
  const { layout, channel, checks, claims } = session
  const { name, node, groups } = virtual
  const rows = groups.slice(0, -1).flat()
  const outputs = groups.at(-1)!
  const product = withoutBias(session, virtual, outputs, valid(virtual.dims.slice(0, -1), rows))
  const features = layout.tensors[node.x]!.dims.at(-1)!
  const reduced = sumcheck(channel, product, bits(features), 2)
  const [x, weight] = channel.receive('factors', 2) as [K, K]
  checks.ensure(name, equal(reduced.claim, mul(x, weight)), 'the products with the weights add up')
  claims.tensor(node.x, [...rows, ...reduced.point], x)
  claims.parameter(node.weight, [...outputs, ...reduced.point], weight)
}

function passSum({ layout, claims }: Session, { node, claim }: VirtualClaim<'sum'>): void {
  const added = bits(layout.tensors[node.x]!.size) - claim.point.length
  claims.tensor(node.x, [...claim.point, ...middle(added)], scale(claim.value, powF(HALF, added)))
}

function checkMatmul(session: Session, { name, node, groups, claim }: VirtualClaim<'matmul'>): void {
  const { layout, channel, checks, claims } = session
  const outer = groups.slice(0, -2).flat()
  const [row, column] = groups.slice(-2) as [K[], K[]]
  const inner = bits(layout.tensors[node.a]!.dims.at(-1)!)
  const reduced = sumcheck(channel, claim.value, outer.length + inner, 3)
  const [a, b] = channel.receive('factors', 2) as [K, K]
  const place = reduced.point.slice(0, outer.length)
  const shared = reduced.point.slice(outer.length)
  checks.ensure(
    name,
    equal(reduced.claim, mul(eq(outer, place), mul(a, b))),
    'the products of two tensors add up',
  )
  claims.tensor(node.a, [...place, ...row, ...shared], a)
  claims.tensor(
    node.b,
    node.transposed ? [...place, ...column, ...shared] : [...place, ...shared, ...column],
    b,
  )
}

/** b may lack the last dimension, and is then the same along it. */
function checkAdd(session: Session, { name, node, dims, groups, claim }: VirtualClaim<'add'>): void {
  const { layout, channel, checks, claims } = session
  const full = layout.tensors[node.b]!.dims.length === dims.length
  const [a, b] = channel.receive('factors', 2) as [K, K]
  const along = full ? ONE : lessThan(dims.at(-1)!, groups.at(-1)!)
  const sum = add(scale(a, toF(node.ca)), mul(along, scale(b, toF(node.cb))))
  checks.ensure(name, equal(claim.value, sum), 'two tensors add up')
  claims.tensor(node.a, claim.point, a)
  claims.tensor(node.b, full ? claim.point : groups.slice(0, -1).flat(), b)
}

function checkMul(session: Session, { name, node, dims, groups, claim }: VirtualClaim<'mul'>): void {
  const { layout, channel, checks, claims } = session
  const full = layout.tensors[node.b]!.dims.length === dims.length
  const summed = full ? claim.point : groups.slice(0, -1).flat()
  const kept = full ? [] : groups.at(-1)!
  const reduced = sumcheck(channel, claim.value, summed.length, 3)
  const [a, b] = channel.receive('factors', 2) as [K, K]
  checks.ensure(
    name,
    equal(reduced.claim, mul(eq(summed, reduced.point), mul(a, b))),
    'elements are products',
  )
  claims.tensor(node.a, [...reduced.point, ...kept], a)
  claims.tensor(node.b, reduced.point, b)
}

function checkReshape(session: Session, { name, node, dims, groups, claim }: VirtualClaim<'reshape'>): void {
  const { layout, channel, checks, claims } = session
  const [from, to] = [layout.tensors[node.x]!.dims.slice(1), dims.slice(1)]
  if (isFreeReshape(from, to)) {
    claims.tensor(node.x, claim.point, claim.value)
    return
  }
  const [batch, ...rest] = groups as [K[], ...K[][]]
  const elements = from.reduce((total, dim) => total + bits(dim), 0)
  const reduced = sumcheck(channel, claim.value, elements, 2)
  const [x] = channel.receive('factors', 1) as [K]
  const moved = reshapeSum(from, reduced.point, to, rest.flat())
  checks.ensure(name, equal(reduced.claim, mul(x, moved)), `${sizeOf(from)} elements keep their order`)
  claims.tensor(node.x, [...batch, ...reduced.point], x)
}

function passPermute({ claims }: Session, { node, groups, claim }: VirtualClaim<'permute'>): void {
  const [batch, ...moved] = groups as [K[], ...K[][]]
  const original: K[][] = moved.map(() => [])
  node.axes.forEach((axis, i) => {
    original[axis] = moved[i]!
  })
  claims.tensor(node.x, [batch, ...original].flat(), claim.value)
}
