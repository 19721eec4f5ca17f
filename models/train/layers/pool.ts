import type { Layer } from './layer.ts'

/** Mean of each 2 × 2 square, for `channels` square planes of side `side` (even). */
export function createAveragePool({ channels, side }: { channels: number; side: number }): Layer {
  const half = side / 2
  const output = new Float64Array(channels * half * half)
  const inputGradient = new Float64Array(channels * side * side)
  return {
    parameters: [],
    forward(input) {
      let to = 0
      for (let row = 0; row < channels * half; row++) {
        let from = row * 2 * side
        for (let x = 0; x < half; x++, from += 2)
          output[to++] =
            0.25 * (input[from]! + input[from + 1]! + input[from + side]! + input[from + side + 1]!)
      }
      return output
    },
    backward(gradient) {
      let from = 0
      for (let row = 0; row < channels * half; row++) {
        let to = row * 2 * side
        for (let x = 0; x < half; x++, to += 2) {
          const share = 0.25 * gradient[from++]!
          inputGradient[to] = inputGradient[to + 1] = share
          inputGradient[to + side] = inputGradient[to + side + 1] = share
        }
      }
      return inputGradient
    },
  }
}
