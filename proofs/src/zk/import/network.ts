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
  | { op: 'matmul'; a: number; b: number }
  /** x · factor, above 0. */
  | { op: 'scale'; x: number; factor: number }
  | { op: 'softmax'; x: number }
  /** x less its mean over the last dimension, then that over its deviation: a layer normalisation in two steps. */
  | { op: 'centre' | 'normalise'; x: number }
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
