import type { Layer } from './layer.ts'

/** input + layer(input), for a layer whose output is as large as its input. */
export function createResidual(layer: Layer, size: number): Layer {
  const output = new Float64Array(size)
  const inputGradient = new Float64Array(size)
  return {
    parameters: layer.parameters,
    forward(input) {
      const value = layer.forward(input)
      for (let i = 0; i < size; i++) output[i] = input[i]! + value[i]!
      return output
    },
    backward(gradient) {
      const value = layer.backward(gradient)
      for (let i = 0; i < size; i++) inputGradient[i] = gradient[i]! + value[i]!
      return inputGradient
    },
  }
}
