import type { Random } from '../random.ts'
import { heUniform, type Layer, zeros } from './layer.ts'

/** output = weight · input + bias; the weight is [outputs, inputs], ONNX's Gemm with transB = 1. */
export function createDense(
  name: string,
  { inputs, outputs }: { inputs: number; outputs: number },
  random: Random,
): Layer {
  const weight = heUniform(`${name}.weight`, [outputs, inputs], inputs, random)
  const bias = zeros(`${name}.bias`, [outputs])
  const output = new Float64Array(outputs)
  const inputGradient = new Float64Array(inputs)
  let lastInput: Float64Array = inputGradient
  return {
    parameters: [weight, bias],
    forward(input) {
      lastInput = input
      for (let o = 0; o < outputs; o++)
        output[o] = bias.value[o]! + dot(weight.value, o * inputs, input, inputs)
      return output
    },
    backward(gradient) {
      inputGradient.fill(0)
      for (let o = 0; o < outputs; o++) {
        const slope = gradient[o]!
        if (slope === 0) continue // behind a ReLU about half of them are
        bias.gradient[o]! += slope
        const row = o * inputs
        for (let i = 0; i < inputs; i++) {
          weight.gradient[row + i]! += slope * lastInput[i]!
          inputGradient[i]! += slope * weight.value[row + i]!
        }
      }
      return inputGradient
    },
  }
}

/** Four sums side by side, so that each addition need not wait for the one before. */
function dot(weights: Float64Array, offset: number, input: Float64Array, length: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  for (; i + 3 < length; i += 4) {
    a += weights[offset + i]! * input[i]!
    b += weights[offset + i + 1]! * input[i + 1]!
    c += weights[offset + i + 2]! * input[i + 2]!
    d += weights[offset + i + 3]! * input[i + 3]!
  }
  for (; i < length; i++) a += weights[offset + i]! * input[i]!
  return a + b + (c + d)
}
