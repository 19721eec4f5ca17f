import type { Layer } from './layer.ts'

/** max(0, x), element by element. */
export function createRelu(size: number): Layer {
  const output = new Float64Array(size)
  const inputGradient = new Float64Array(size)
  return {
    parameters: [],
    forward(input) {
      for (let i = 0; i < size; i++) output[i] = Math.max(input[i]!, 0)
      return output
    },
    backward(gradient) {
      for (let i = 0; i < size; i++) inputGradient[i] = output[i]! > 0 ? gradient[i]! : 0
      return inputGradient
    },
  }
}
