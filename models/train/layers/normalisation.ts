import { type Layer, zeros } from './layer.ts'

const EPSILON = 1e-5

/** Layer normalisation of each row (Ba, Kiros and Hinton, 2016), ONNX's LayerNormalization over the last axis. */
export function createNormalisation(name: string, { rows, width }: { rows: number; width: number }): Layer {
  const gain = zeros(`${name}.gain`, [width])
  gain.value.fill(1)
  const offset = zeros(`${name}.offset`, [width])
  const normal = new Float64Array(rows * width)
  const inverse = new Float64Array(rows)
  const output = new Float64Array(rows * width)
  const inputGradient = new Float64Array(rows * width)
  return {
    parameters: [gain, offset],
    forward(input) {
      for (let row = 0, from = 0; row < rows; row++, from += width) {
        const mean = sum(width, i => input[from + i]!) / width
        const variance = sum(width, i => (input[from + i]! - mean) * (input[from + i]! - mean)) / width
        inverse[row] = 1 / Math.sqrt(variance + EPSILON)
        for (let i = 0; i < width; i++) {
          normal[from + i] = (input[from + i]! - mean) * inverse[row]!
          output[from + i] = normal[from + i]! * gain.value[i]! + offset.value[i]!
        }
      }
      return output
    },
    backward(gradient) {
      for (let row = 0, from = 0; row < rows; row++, from += width) {
        const slope = (i: number): number => gradient[from + i]! * gain.value[i]!
        const mean = sum(width, slope) / width
        const along = sum(width, i => slope(i) * normal[from + i]!) / width
        for (let i = 0; i < width; i++) {
          gain.gradient[i]! += gradient[from + i]! * normal[from + i]!
          offset.gradient[i]! += gradient[from + i]!
          inputGradient[from + i] = (slope(i) - mean - along * normal[from + i]!) * inverse[row]!
        }
      }
      return inputGradient
    },
  }
}

function sum(count: number, at: (i: number) => number): number {
  let total = 0
  for (let i = 0; i < count; i++) total += at(i)
  return total
}
