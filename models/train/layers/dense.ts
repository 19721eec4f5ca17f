import type { Random } from '../random.ts'
import { heUniform, type Layer, zeros } from './layer.ts'

export type DenseOptions = {
  inputs: number
  outputs: number
  /** How many rows of `inputs` elements the input has, each answered on its own: tokens of a sequence. */
  rows?: number
  /** The first layer's input has no use for a gradient. */
  needsInputGradient?: boolean
}

/** output = weight · input + bias, row by row; the weight is [outputs, inputs], ONNX's Gemm with transB = 1. */
export function createDense(name: string, options: DenseOptions, random: Random): Layer {
  const { inputs, outputs, rows = 1, needsInputGradient = true } = options
  const weight = heUniform(`${name}.weight`, [outputs, inputs], inputs, random)
  const bias = zeros(`${name}.bias`, [outputs])
  const output = new Float64Array(rows * outputs)
  const inputGradient = new Float64Array(needsInputGradient ? rows * inputs : 0)
  let lastInput: Float64Array = inputGradient
  return {
    parameters: [weight, bias],
    forward(input) {
      lastInput = input
      for (let row = 0; row < rows; row++)
        for (let o = 0; o < outputs; o++)
          output[row * outputs + o] =
            bias.value[o]! + dot(weight.value, o * inputs, input, row * inputs, inputs)
      return output
    },
    backward(gradient) {
      inputGradient.fill(0)
      for (let row = 0; row < rows; row++)
        for (let o = 0; o < outputs; o++) {
          const slope = gradient[row * outputs + o]!
          if (slope === 0) continue // behind a ReLU about half of them are
          bias.gradient[o]! += slope
          addScaled(weight.gradient, o * inputs, lastInput, row * inputs, slope, inputs)
          if (needsInputGradient)
            addScaled(inputGradient, row * inputs, weight.value, o * inputs, slope, inputs)
        }
      return inputGradient
    },
  }
}

/** target[to + i] += factor · source[from + i]. */
export function addScaled(
  target: Float64Array,
  to: number,
  source: Float64Array,
  from: number,
  factor: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) target[to + i]! += factor * source[from + i]!
}

/** Σ a[i] · b[i] from the offsets on: four sums side by side, so that each addition need not wait for the one before. */
export function dot(a: Float64Array, aFrom: number, b: Float64Array, bFrom: number, length: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < length; i += 4) {
    s0 += a[aFrom + i]! * b[bFrom + i]!
    s1 += a[aFrom + i + 1]! * b[bFrom + i + 1]!
    s2 += a[aFrom + i + 2]! * b[bFrom + i + 2]!
    s3 += a[aFrom + i + 3]! * b[bFrom + i + 3]!
  }
  for (; i < length; i++) s0 += a[aFrom + i]! * b[bFrom + i]!
  return s0 + s1 + (s2 + s3)
}
