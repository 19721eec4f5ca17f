import type { NodeOf } from '../graph/graph.ts'
import { type K, mul, sub, sum } from './field.ts'
import { type Axis, bind, bits, extension, G, groupsOf, Valid, vertex } from './points.ts'
import { type Run, tableOf } from './run.ts'
import { axesOf } from './shapes.ts'

/** Step 6 of docs/zk-soundness.md, section 7, for the operators with weights and windows. */

type Point = readonly K[]

export function proveDense(
  run: Run,
  node: NodeOf<'dense'>,
  dims: readonly number[],
  point: Point,
  value: K,
): void {
  const groups = groupsOf(dims, point)
  const rn = groups.at(-1)!
  const rows = groups.slice(0, -1).flat()
  const claim = withoutBias(run, node.bias, rn, value, () => Valid(dims.slice(0, -1), rows))
  const x = bind(tableOf(run.witness.tensors[node.x]!), rows)
  const w = bind(tableOf(run.witness.parameters[node.weight]!), rn)
  const summed = run.sum(claim, 2, [x, w], ([a, b]) => mul(a!, b!))
  const [a, b] = run.send('factors', summed.last, { of: ([a, b]) => mul(a!, b!), wanted: summed.claim })
  run.claim(node.x, [...rows, ...summed.point], a!)
  run.claimParameter(node.weight, [...rn, ...summed.point], b!)
}

/** Sends b̃(r_n) and takes it, at true rows, from the claim. */
function withoutBias(run: Run, bias: number | undefined, rn: Point, value: K, valid: () => K): K {
  if (bias === undefined) return value
  const [b] = run.send('bias', [extension(tableOf(run.witness.parameters[bias]!), rn)])
  run.claimParameter(bias, rn, b!)
  return sub(value, mul(b!, valid()))
}

export function proveConv(
  run: Run,
  node: NodeOf<'conv'>,
  dims: readonly number[],
  point: Point,
  value: K,
): void {
  const [rb, rn, ry, rx] = groupsOf(dims, point) as [K[], K[], K[], K[]]
  const claim = withoutBias(run, node.bias, rn, value, () =>
    Valid([dims[0]!, dims[2]!, dims[3]!], [...rb, ...ry, ...rx]),
  )
  const [, channels, height, width] = run.layout.shapes[node.x]!.dims
  const [, , kernelY, kernelX] = run.graph.parameters[node.weight]!.dims
  const [yAxis, xAxis] = axesOf(run.graph, node, run.layout.shapes[node.x]!.dims)
  const gy = tabulate(kernelY!, height!, (k, i) => G(yAxis, ry, k, i))
  const gx = tabulate(kernelX!, width!, (k, i) => G(xAxis, rx, k, i))
  const w = bind(tableOf(run.witness.parameters[node.weight]!), rn)
  const kernelSize = gy.length * gx.length
  // A(c, i, j) = Σ W̃(r_n, c, ky, kx) G_y(r_y, ky, i) G_x(r_x, kx, j)
  const a = range(2 ** bits(channels!)).flatMap(c =>
    range(gy[0]!.length).flatMap(i =>
      range(gx[0]!.length).map(j =>
        sum(
          range(kernelSize).map(k => {
            const [ky, kx] = [Math.floor(k / gx.length), k % gx.length]
            return mul(w[c * kernelSize + k]!, mul(gy[ky]![i]!, gx[kx]![j]!))
          }),
        ),
      ),
    ),
  )
  const x = bind(tableOf(run.witness.tensors[node.x]!), rb)
  const outer = run.sum(claim, 2, [x, a], ([p, q]) => mul(p!, q!))
  const [xValue, aValue] = run.send('factors', outer.last, {
    of: ([p, q]) => mul(p!, q!),
    wanted: outer.claim,
  })
  const [c, i, j] = groupsOf([channels!, height!, width!], outer.point) as [K[], K[], K[]]
  proveKernel(run, node, { rn, ry, rx, c, i, j, yAxis, xAxis }, bind(w, c), aValue!)
  // Claims in the order of the document: on x first. A weight's and a tensor's claims go to different lists.
  run.claim(node.x, [...rb, ...outer.point], xValue!)
}

type KernelPoints = {
  rn: Point
  ry: Point
  rx: Point
  c: Point
  i: Point
  j: Point
  yAxis: Axis
  xAxis: Axis
}

/** The second sumcheck of a convolution, over the kernel. */
function proveKernel(run: Run, node: NodeOf<'conv'>, at: KernelPoints, w: K[], value: K): void {
  const kernel = [at.yAxis.kernel, at.xAxis.kernel]
  const product = (ky: Point, kx: Point): K => mul(G(at.yAxis, at.ry, ky, at.i), G(at.xAxis, at.rx, kx, at.j))
  const [by, bx] = [bits(kernel[0]!), bits(kernel[1]!)]
  const split = (point: Point): K => product(point.slice(0, by), point.slice(by))
  const gy = w.map((_, k) => G(at.yAxis, at.ry, vertex(k, by + bx).slice(0, by), at.i))
  const gx = w.map((_, k) => G(at.xAxis, at.rx, vertex(k, by + bx).slice(by), at.j))
  const inner = run.sum(value, 2, [w, gy, gx], ([a, b, c]) => mul(a!, mul(b!, c!)))
  const [weight] = run.send('weight', inner.last.slice(0, 1), {
    of: ([v]) => mul(v!, split(inner.point)),
    wanted: inner.claim,
  })
  run.claimParameter(node.weight, [...at.rn, ...at.c, ...inner.point], weight!)
}

export function proveUnfold(
  run: Run,
  node: NodeOf<'unfold'>,
  dims: readonly number[],
  point: Point,
  value: K,
): void {
  const [rb, rc, ry, rx, rky, rkx] = groupsOf(dims, point) as [K[], K[], K[], K[], K[], K[]]
  const { dims: xDims } = run.layout.shapes[node.x]!
  const [yAxis, xAxis] = axesOf(run.graph, node, xDims)
  const gy = (i: Point): K => G(yAxis, ry, rky, i)
  const gx = (j: Point): K => G(xAxis, rx, rkx, j)
  const [rows, columns] = [bits(xDims[2]!), bits(xDims[3]!)]
  const cells = range(2 ** (rows + columns)).map(k => vertex(k, rows + columns))
  const x = bind(tableOf(run.witness.tensors[node.x]!), [...rb, ...rc])
  const tables = [x, cells.map(cell => gy(cell.slice(0, rows))), cells.map(cell => gx(cell.slice(rows)))]
  const summed = run.sum(value, 2, tables, ([a, b, c]) => mul(a!, mul(b!, c!)))
  const factor = mul(gy(summed.point.slice(0, rows)), gx(summed.point.slice(rows)))
  const [a] = run.send('factors', summed.last.slice(0, 1), {
    of: ([v]) => mul(v!, factor),
    wanted: summed.claim,
  })
  run.claim(node.x, [...rb, ...rc, ...summed.point], a!)
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** A function of two indices at all vertices. */
const tabulate = (first: number, second: number, at: (a: K[], b: K[]) => K): K[][] =>
  range(2 ** bits(first)).map(a =>
    range(2 ** bits(second)).map(b => at(vertex(a, bits(first)), vertex(b, bits(second)))),
  )
