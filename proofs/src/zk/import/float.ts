import { activationOf, elements, type FloatNode, type FloatTensor, type Network } from './network.ts'

/** Of a layer normalisation, ONNX's default; integers know none. */
const EPSILON = 1e-5

/** All tensors for one raw input, row-major. */
export function runNetwork(network: Network, input: ArrayLike<number>): Float64Array[] {
  const { scale, offset } = network.input
  const tensors: Float64Array[] = [Float64Array.from(input, value => value * scale + offset)]
  const dimsOf = (tensor: number): number[] =>
    tensor === 0 ? network.input.dims : network.nodes[tensor - 1]!.dims
  for (const node of network.nodes) tensors.push(runNode(node, tensors, dimsOf))
  return tensors
}

function runNode(
  node: FloatNode,
  tensors: readonly Float64Array[],
  dimsOf: (tensor: number) => number[],
): Float64Array {
  switch (node.op) {
    case 'dense':
      return runDense(tensors[node.x]!, node.weight, node.bias)
    case 'conv':
      return runConv(tensors[node.x]!, dimsOf(node.x), node)
    case 'average':
    case 'maximum':
      return runPool(tensors[node.x]!, dimsOf(node.x), node)
    case 'activation':
      return tensors[node.x]!.map(activationOf(node.f))
    case 'add': {
      const b = tensors[node.b]!
      return tensors[node.a]!.map((value, i) => value + b[i]!)
    }
    case 'reshape':
      return tensors[node.x]!
    case 'permute':
      return runPermute(tensors[node.x]!, dimsOf(node.x), node.axes)
    case 'argmax':
      return runArgmax(tensors[node.x]!, dimsOf(node.x).at(-1)!)
    case 'matmul':
      return runMatmul(tensors[node.a]!, tensors[node.b]!, node.dims, dimsOf(node.a).at(-1)!)
    case 'scale':
      return tensors[node.x]!.map(value => value * node.factor)
    case 'softmax':
    case 'centre':
    case 'normalise':
      return perRow(tensors[node.x]!, dimsOf(node.x).at(-1)!, ROWS[node.op])
  }
}

function runDense(x: Float64Array, { dims, values }: FloatTensor, bias?: Float64Array): Float64Array {
  const [N, K] = dims as [number, number]
  const rows = x.length / K
  const y = new Float64Array(rows * N)
  for (let row = 0; row < rows; row++)
    for (let n = 0; n < N; n++) {
      let total = bias?.[n] ?? 0
      for (let k = 0; k < K; k++) total += x[row * K + k]! * values[n * K + k]!
      y[row * N + n] = total
    }
  return y
}

function runConv(x: Float64Array, xDims: readonly number[], node: FloatNode & { op: 'conv' }): Float64Array {
  const [, H, W] = xDims as [number, number, number]
  const [, OH, OW] = node.dims as [number, number, number]
  const [N, C, KH, KW] = node.weight.dims as [number, number, number, number]
  const [top, , left] = node.pads
  const y = new Float64Array(N * OH * OW)
  for (let n = 0; n < N; n++)
    for (let oy = 0; oy < OH; oy++)
      for (let ox = 0; ox < OW; ox++) {
        let total = node.bias?.[n] ?? 0
        for (let c = 0; c < C; c++)
          for (let ky = 0; ky < KH; ky++) {
            const iy = oy * node.stride[0] + ky - top
            if (iy < 0 || iy >= H) continue
            for (let kx = 0; kx < KW; kx++) {
              const ix = ox * node.stride[1] + kx - left
              if (ix < 0 || ix >= W) continue
              total += x[(c * H + iy) * W + ix]! * node.weight.values[((n * C + c) * KH + ky) * KW + kx]!
            }
          }
        y[(n * OH + oy) * OW + ox] = total
      }
  return y
}

/** Outside of the input counts as 0, in averages and maxima alike. */
function runPool(
  x: Float64Array,
  xDims: readonly number[],
  node: FloatNode & { op: 'average' | 'maximum' },
): Float64Array {
  const [, H, W] = xDims as [number, number, number]
  const [C, OH, OW] = node.dims as [number, number, number]
  const [KH, KW] = node.kernel
  const [top, , left] = node.pads
  const y = new Float64Array(C * OH * OW)
  for (let at = 0; at < y.length; at++) {
    const [c, oy, ox] = [Math.floor(at / (OH * OW)), Math.floor(at / OW) % OH, at % OW]
    let total = 0
    let largest = Number.NEGATIVE_INFINITY
    for (let k = 0; k < KH * KW; k++) {
      const iy = oy * node.stride[0] + Math.floor(k / KW) - top
      const ix = ox * node.stride[1] + (k % KW) - left
      const value = iy < 0 || ix < 0 || iy >= H || ix >= W ? 0 : x[(c * H + iy) * W + ix]!
      total += value
      largest = Math.max(largest, value)
    }
    y[at] = node.op === 'average' ? total / (KH * KW) : largest
  }
  return y
}

function runPermute(x: Float64Array, dims: readonly number[], axes: readonly number[]): Float64Array {
  const target = axes.map(axis => dims[axis]!)
  const strides = dims.map((_, axis) => elements(dims.slice(axis + 1)))
  return x.map((_, i) => {
    let rest = i
    let source = 0
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      source += (rest % target[axis]!) * strides[axes[axis]!]!
      rest = Math.floor(rest / target[axis]!)
    }
    return x[source]!
  })
}

function runArgmax(x: Float64Array, width: number): Float64Array {
  return Float64Array.from({ length: x.length / width }, (_, row) => {
    const values = x.subarray(row * width, (row + 1) * width)
    return values.indexOf(Math.max(...values))
  })
}

function runMatmul(a: Float64Array, b: Float64Array, dims: readonly number[], D: number): Float64Array {
  const [I, J] = dims.slice(-2) as [number, number]
  return Float64Array.from({ length: elements(dims) }, (_, at) => {
    const [o, i, j] = [Math.floor(at / (I * J)), Math.floor(at / J) % I, at % J]
    let total = 0
    for (let d = 0; d < D; d++) total += a[(o * I + i) * D + d]! * b[(o * D + d) * J + j]!
    return total
  })
}

const mean = (row: Float64Array): number => row.reduce((a, b) => a + b, 0) / row.length

const ROWS: Record<'softmax' | 'centre' | 'normalise', (row: Float64Array) => Float64Array> = {
  softmax(row) {
    const largest = Math.max(...row)
    const powers = row.map(value => Math.exp(value - largest))
    const total = powers.reduce((a, b) => a + b, 0)
    return powers.map(power => power / total)
  },
  centre(row) {
    const middle = mean(row)
    return row.map(value => value - middle)
  },
  normalise(row) {
    const deviation = Math.sqrt(mean(row.map(value => value * value)) + EPSILON)
    return row.map(value => value / deviation)
  },
}

function perRow(x: Float64Array, width: number, of: (row: Float64Array) => Float64Array): Float64Array {
  const y = new Float64Array(x.length)
  for (let start = 0; start < x.length; start += width) y.set(of(x.subarray(start, start + width)), start)
  return y
}
