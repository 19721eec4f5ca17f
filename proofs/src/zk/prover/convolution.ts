/** Convolutions and windows, docs/zk-soundness.md section 7, step 6: sums over places by separable maps G. */
import type { NodeOf } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import type { Address, Engine } from './engine.ts'
import { bindRows } from './evaluate.ts'
import { type K, mul, ONE } from './field.ts'
import { type Layer, type Reduced, withoutBias } from './layer.ts'
import { lessThan } from './points.ts'
import { sumcheckProduct } from './sumcheck.ts'

/** One axis: which inputs an output reads. Sizes are the true ones. */
type Axis = { outputs: number; kernel: number; inputs: number; stride: number; pad: number }

/** G(r_o, k, i) for all k and i, kernel × inputs, both padded; zero is what it leaves out. */
function placement(engine: Engine, r: readonly K[], axis: Axis): Address {
  const { outputs, kernel, inputs, stride, pad } = axis
  const cols = 2 ** bits(inputs)
  const size = 2 ** bits(kernel) * cols
  const dst = engine.vector(size)
  engine.scoped(() => {
    const eq = engine.eqTable(r, ONE)
    const { bytes } = engine
    bytes.fill(0, dst, dst + 16 * size)
    for (let k = 0; k < kernel; k++) {
      for (let o = 0; o < outputs; o++) {
        const i = o * stride + k - pad
        if (i >= 0 && i < inputs) bytes.copyWithin(dst + 16 * (k * cols + i), eq + 16 * o, eq + 16 * o + 16)
      }
    }
  })
  return dst
}

/** to[i][j] = a[i] b[j]. */
function outer(engine: Engine, a: Address, rows: number, b: Address, cols: number): Address {
  const dst = zeros(engine, rows * cols)
  for (let i = 0; i < rows; i++) engine.kernels.addScaled(dst + 16 * i * cols, b, cols, a + 16 * i)
  return dst
}

function zeros(engine: Engine, size: number): Address {
  const dst = engine.vector(size)
  engine.bytes.fill(0, dst, dst + 16 * size)
  return dst
}

/** Vertical, then horizontal; y's dimensions begin with batch and channels, as x's. */
function axesOf(
  { stride, pads }: Pick<NodeOf<'conv'>, 'stride' | 'pads'>,
  x: readonly number[],
  y: readonly number[],
  kernel: readonly number[],
): [Axis, Axis] {
  const axis = (i: 0 | 1): Axis => ({
    outputs: y[2 + i]!,
    kernel: kernel[i]!,
    inputs: x[2 + i]!,
    stride: stride[i],
    pad: pads[2 * i]!,
  })
  return [axis(0), axis(1)]
}

export function proveConv(layer: Layer, node: NodeOf<'conv'>, { y, groups, value }: Reduced): void {
  const { engine, channel, claims, tensors, parameters, shapes, graph } = layer
  const [batch, n, ry, rx] = groups as [K[], K[], K[], K[]]
  const { dims } = y
  const rest = mul(lessThan(dims[0]!, batch), mul(lessThan(dims[2]!, ry), lessThan(dims[3]!, rx)))
  const claim = withoutBias(layer, node.bias, n, rest, value)
  const x = shapes[node.x]!
  const kernel = graph.parameters[node.weight]!.dims.slice(1) as [number, number, number]
  const [kc, ky, kx] = kernel.map(size => 2 ** bits(size)) as [number, number, number]
  const folded = bindRows(engine, tensors[node.x]!, batch, x.size / 2 ** batch.length)
  const weights = bindRows(engine, parameters[node.weight]!, n, kc * ky * kx)
  const [vertical, horizontal] = axesOf(node, x.dims, dims, kernel.slice(1))
  const [gy, gx] = [placement(engine, ry, vertical), placement(engine, rx, horizontal)]
  const spread = spreadWeights(engine, weights, kernel, gy, gx, vertical, horizontal)

  const rounds = x.bits.slice(1).reduce((sum, count) => sum + count, 0)
  const first = sumcheckProduct(layer, claim, rounds, folded, spread)
  channel.send('factors', ...first.values)
  const [bc, bi] = [x.bits[1]!, x.bits[2]!]
  const [c, i, j] = [first.point.slice(0, bc), first.point.slice(bc, bc + bi), first.point.slice(bc + bi)]

  const atChannel = bindFirst(engine, weights, c, kc * ky * kx)
  const places = outer(engine, atPlace(engine, gy, ky, i), ky, atPlace(engine, gx, kx, j), kx)
  const second = sumcheckProduct(layer, first.values[1], bits(ky * kx), atChannel, places)
  channel.send('weight', second.values[0])
  claims.onTensor(node.x, [...batch, ...first.point], first.values[0])
  claims.onParameter(node.weight, [...n, ...c, ...second.point], second.values[0])
}

/** A(c, i, j) = sum over ky, kx of W(c, ky, kx) G_y(ky, i) G_x(kx, j), one axis after the other. */
function spreadWeights(
  engine: Engine,
  weights: Address,
  [channels, height, width]: readonly [number, number, number],
  gy: Address,
  gx: Address,
  vertical: Axis,
  horizontal: Axis,
): Address {
  const [rows, cols] = [2 ** bits(vertical.inputs), 2 ** bits(horizontal.inputs)]
  const [ky, kx] = [2 ** bits(height), 2 ** bits(width)]
  const { addScaled } = engine.kernels
  const dst = zeros(engine, 2 ** bits(channels) * rows * cols)
  engine.scoped(() => {
    const line = engine.vector(cols)
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        engine.bytes.fill(0, line, line + 16 * cols)
        for (let x = 0; x < width; x++)
          addScaled(line, gx + 16 * x * cols, cols, weights + 16 * ((c * ky + y) * kx + x))
        for (let i = 0; i < vertical.inputs; i++)
          addScaled(dst + 16 * (c * rows + i) * cols, line, cols, gy + 16 * (y * rows + i))
      }
    }
  })
  return dst
}

/** A vector of K of n elements with its first coordinates bound, in place. */
function bindFirst(engine: Engine, vector: Address, point: readonly K[], n: number): Address {
  for (const coordinate of point) {
    engine.scoped(() => engine.kernels.foldExt(vector, vector, n, engine.put(coordinate)))
    n /= 2
  }
  return vector
}

/** G(r_o, k, point) for all k: of a placement, its columns bound. */
function atPlace(engine: Engine, placed: Address, rows: number, point: readonly K[]): Address {
  const cols = 2 ** point.length
  const dst = engine.vector(rows)
  engine.scoped(() => {
    const eq = engine.eqTable(point, ONE)
    for (let k = 0; k < rows; k++) engine.kernels.dotExt(dst + 16 * k, placed + 16 * k * cols, eq, cols)
  })
  return dst
}

export function proveUnfold(layer: Layer, node: NodeOf<'unfold'>, { y, groups, value }: Reduced): void {
  const { engine, channel, claims, tensors, shapes } = layer
  const [batch, channels, ry, rx, rky, rkx] = groups as [K[], K[], K[], K[], K[], K[]]
  const x = shapes[node.x]!
  const kept = [...batch, ...channels]
  const [vertical, horizontal] = axesOf(node, x.dims, y.dims, node.kernel)
  const [rows, cols] = [2 ** x.bits[2]!, 2 ** x.bits[3]!]
  const folded = bindRows(engine, tensors[node.x]!, kept, rows * cols)
  const gy = atKernel(engine, placement(engine, ry, vertical), rky, rows)
  const gx = atKernel(engine, placement(engine, rx, horizontal), rkx, cols)
  const places = outer(engine, gy, rows, gx, cols)
  const { point, values } = sumcheckProduct(layer, value, bits(rows * cols), folded, places)
  channel.send('factors', values[0])
  claims.onTensor(node.x, [...kept, ...point], values[0])
}

/** G(r_o, r_k, i) for all i: of a placement, its rows bound. */
function atKernel(engine: Engine, placed: Address, r: readonly K[], cols: number): Address {
  const dst = zeros(engine, cols)
  engine.scoped(() => {
    const eq = engine.eqTable(r, ONE)
    for (let k = 0; k < 2 ** r.length; k++)
      engine.kernels.addScaled(dst, placed + 16 * k * cols, cols, eq + 16 * k)
  })
  return dst
}
