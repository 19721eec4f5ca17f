import type { Stride } from '../graph/graph.ts'

/** A network in floats, as ONNX says it, in the operators that a graph of integers has. */

export type FloatTensor = { dims: number[]; values: Float64Array }

export type Activation = 'relu' | 'sigmoid' | 'tanh' | 'gelu'

/** `x`, `a` and `b` are tensors: 0 is the input, node j makes tensor j + 1. Dimensions are without the batch. */
export type FloatNode = { name: string; dims: number[] } & (
  | { op: 'dense'; x: number; weight: FloatTensor; bias?: Float64Array }
  | ({ op: 'conv'; x: number; weight: FloatTensor; bias?: Float64Array } & Stride)
  | ({ op: 'average' | 'maximum'; x: number; kernel: [number, number] } & Stride)
  | { op: 'activation'; x: number; f: Activation }
  | { op: 'add'; a: number; b: number }
  | { op: 'reshape'; x: number }
  | { op: 'permute'; x: number; axes: number[] }
  | { op: 'argmax'; x: number }
)

export type Network = {
  /** What a raw input is to the first node: value · scale + offset. */
  input: {
    dims: number[]
    type: 'float32' | 'uint8' | 'int8' | 'int32' | 'int64'
    scale: number
    offset: number
  }
  nodes: FloatNode[]
  output: number
  /** What was left out, in words. */
  notes: string[]
}

export const elements = (dims: readonly number[]): number => dims.reduce((n, dim) => n * dim, 1)

const ACTIVATIONS: Record<Activation, (x: number) => number> = {
  relu: x => Math.max(0, x),
  sigmoid: x => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  gelu: x => (x / 2) * (1 + erf(x / Math.SQRT2)),
}

export const activationOf = (f: Activation): ((x: number) => number) => ACTIVATIONS[f]

/** Abramowitz and Stegun 7.1.26: within 1.5 · 10^-7, far below a step of eight bits. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const series =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
  return Math.sign(x) * (1 - series * Math.exp(-x * x))
}

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
      return tensors[node.x]!.map(ACTIVATIONS[node.f])
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
