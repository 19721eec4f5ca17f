import type { NodeOf } from '../graph/graph.ts'
import { add, HALF, inverseF, type K, mul, ONE, scale, sum, ZERO } from './field.ts'
import { proveConv, proveDense, proveUnfold } from './linear.ts'
import { powersOf } from './open.ts'
import { bind, bits, eq, eqTable, extension, groupsOf, LT } from './points.ts'
import { type Run, tableOf } from './run.ts'
import { indicesOf, paddedSize, positionOf } from './shapes.ts'

/** Step 6 of docs/zk-soundness.md, section 7: from the highest virtual tensor to the lowest. */

type Point = readonly K[]

export function proveVirtual(run: Run): void {
  for (let tensor = run.graph.nodes.length; tensor >= 1; tensor--) {
    const claims = run.virtual[tensor]!
    if (claims.length === 0) continue // a committed tensor: its claims are on D
    const { point, value } = claims.length === 1 ? claims[0]! : merge(run, tensor)
    proveNode(run, tensor, point, value)
  }
}

/** Several claims on a tensor become one. */
function merge(run: Run, tensor: number): { point: K[]; value: K } {
  const claims = run.virtual[tensor]!
  const [gamma] = run.challenge('merge', 1)
  const powers = powersOf(gamma!, claims.length)
  const tables = claims.map(({ point }) => eqTable(point))
  const weights = tables[0]!.map((_, i) => sum(tables.map((table, j) => mul(powers[j]!, table[i]!))))
  const total = sum(claims.map(({ value }, j) => mul(powers[j]!, value)))
  const { point, claim, last } = run.sum(
    total,
    2,
    [tableOf(run.witness.tensors[tensor]!), weights],
    ([a, b]) => mul(a!, b!),
  )
  const weight = sum(claims.map((other, j) => mul(powers[j]!, eq(other.point, point))))
  const [value] = run.send('merged', last.slice(0, 1), { of: ([v]) => mul(v!, weight), wanted: claim })
  return { point, value: value! }
}

function proveNode(run: Run, tensor: number, point: Point, value: K): void {
  const node = run.graph.nodes[tensor - 1]!
  const { dims } = run.layout.shapes[tensor]!
  if (node.op === 'dense') proveDense(run, node, dims, point, value)
  else if (node.op === 'conv') proveConv(run, node, dims, point, value)
  else if (node.op === 'unfold') proveUnfold(run, node, dims, point, value)
  else if (node.op === 'sum') proveSum(run, node, point, value)
  else if (node.op === 'matmul') proveMatmul(run, node, dims, point, value)
  else if (node.op === 'add') proveAdd(run, node, dims, point, value)
  else if (node.op === 'mul') proveMul(run, node, dims, point, value)
  else if (node.op === 'reshape') proveReshape(run, node, dims, point, value)
  else if (node.op === 'permute') provePermute(run, node, dims, point, value)
}

function proveSum(run: Run, node: NodeOf<'sum'>, point: Point, value: K): void {
  const added = Math.log2(run.layout.shapes[node.x]!.size) - point.length
  const halves = new Array<K>(added).fill(HALF)
  run.claim(node.x, [...point, ...halves], scale(inverseF(2n ** BigInt(added)), value))
}

function provePermute(
  run: Run,
  node: NodeOf<'permute'>,
  dims: readonly number[],
  point: Point,
  value: K,
): void {
  const [batch, ...groups] = groupsOf(dims, point)
  const source = new Array<K[]>(groups.length)
  node.axes.forEach((axis, i) => {
    source[axis] = groups[i]!
  })
  run.claim(node.x, [batch!, ...source].flat(), value)
}

function proveMatmul(
  run: Run,
  node: NodeOf<'matmul'>,
  dims: readonly number[],
  point: Point,
  value: K,
): void {
  const groups = groupsOf(dims, point)
  const [ri, rj] = groups.slice(-2) as [K[], K[]]
  const ro = groups.slice(0, -2).flat()
  const inner = bits(run.layout.shapes[node.a]!.dims.at(-1)!)
  const a = tableOf(run.witness.tensors[node.a]!)
  const b = tableOf(run.witness.tensors[node.b]!)
  // For each outer index: the rows of a bound to r_i; of b the rows (t = 1) or the columns bound to r_j.
  const aRows = chunks(a, 2 ** (ri.length + inner)).flatMap(block => bind(block, ri))
  const bRows = chunks(b, 2 ** (rj.length + inner)).flatMap(block =>
    node.transposed ? bind(block, rj) : chunks(block, 2 ** rj.length).map(row => extension(row, rj)),
  )
  const outer = eqTable(ro).flatMap(e => new Array<K>(2 ** inner).fill(e))
  const summed = run.sum(value, 3, [outer, aRows, bRows], ([e, p, q]) => mul(e!, mul(p!, q!)))
  const [o, d] = [summed.point.slice(0, ro.length), summed.point.slice(ro.length)]
  const [p, q] = run.send('factors', summed.last.slice(1), {
    of: ([p, q]) => mul(eq(ro, o), mul(p!, q!)),
    wanted: summed.claim,
  })
  run.claim(node.a, [...o, ...ri, ...d], p!)
  run.claim(node.b, node.transposed ? [...o, ...rj, ...d] : [...o, ...d, ...rj], q!)
}

function chunks<T>(values: readonly T[], size: number): T[][] {
  return Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size))
}

function proveAdd(run: Run, node: NodeOf<'add'>, dims: readonly number[], point: Point, value: K): void {
  const broadcast = run.layout.shapes[node.b]!.dims.length < dims.length
  const groups = groupsOf(dims, point)
  const bPoint = broadcast ? groups.slice(0, -1).flat() : point
  const mask = broadcast ? LT(dims.at(-1)!, groups.at(-1)!) : ONE
  const at = (tensor: number, p: Point): K => extension(tableOf(run.witness.tensors[tensor]!), p)
  const [a, b] = run.send('factors', [at(node.a, point), at(node.b, bPoint)], {
    of: ([a, b]) => add(scale(node.ca, a!), mul(scale(node.cb, b!), mask)),
    wanted: value,
  })
  run.claim(node.a, point, a!)
  run.claim(node.b, bPoint, b!)
}

function proveMul(run: Run, node: NodeOf<'mul'>, dims: readonly number[], point: Point, value: K): void {
  const broadcast = run.layout.shapes[node.b]!.dims.length < dims.length
  const groups = groupsOf(dims, point)
  const last = broadcast ? groups.at(-1)! : []
  const summedOver = broadcast ? groups.slice(0, -1).flat() : point
  const a = chunks(tableOf(run.witness.tensors[node.a]!), 2 ** last.length).map(row => extension(row, last))
  const b = tableOf(run.witness.tensors[node.b]!)
  const summed = run.sum(value, 3, [eqTable(summedOver), a, b], ([e, p, q]) => mul(e!, mul(p!, q!)))
  const [p, q] = run.send('factors', summed.last.slice(1), {
    of: ([p, q]) => mul(eq(summedOver, summed.point), mul(p!, q!)),
    wanted: summed.claim,
  })
  run.claim(node.a, [...summed.point, ...last], p!)
  run.claim(node.b, summed.point, q!)
}

function proveReshape(
  run: Run,
  node: NodeOf<'reshape'>,
  dims: readonly number[],
  point: Point,
  value: K,
): void {
  const [, ...from] = run.layout.shapes[node.x]!.dims
  const [, ...to] = dims
  const [sources, targets] = [from, to].map(d => indicesOf(d).map(index => positionOf(d, index))) as [
    number[],
    number[],
  ]
  const free = paddedSize(from) === paddedSize(to) && sources.every((source, i) => source === targets[i])
  if (free) {
    run.claim(node.x, point, value)
    return
  }
  const rb = point.slice(0, bits(dims[0]!))
  const ry = eqTable(point.slice(rb.length))
  const table = new Array<K>(paddedSize(from)).fill(ZERO)
  sources.forEach((source, i) => {
    table[source] = ry[targets[i]!]!
  })
  const x = bind(tableOf(run.witness.tensors[node.x]!), rb)
  const summed = run.sum(value, 2, [x, table], ([a, b]) => mul(a!, b!))
  const at = eqTable(summed.point)
  const factor = sum(sources.map((source, i) => mul(ry[targets[i]!]!, at[source]!)))
  const [a] = run.send('factors', summed.last.slice(0, 1), {
    of: ([v]) => mul(v!, factor),
    wanted: summed.claim,
  })
  run.claim(node.x, [...rb, ...summed.point], a!)
}
