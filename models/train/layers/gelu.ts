import { exp } from '../exp.ts'
import type { Layer } from './layer.ts'

/** x · Φ(x), Φ the normal distribution's function (Hendrycks and Gimpel, 2016): the exact form, by erf. */
export function createGelu(size: number): Layer {
  const output = new Float64Array(size)
  const slopes = new Float64Array(size)
  const inputGradient = new Float64Array(size)
  return {
    parameters: [],
    forward(input) {
      for (let i = 0; i < size; i++) {
        const x = input[i]!
        const near = Math.max(-FAR, Math.min(FAR, x))
        const density = exp(-0.5 * near * near) / ROOT_TWO_PI
        const below = 0.5 + density * oddSeries(near)
        output[i] = x * below
        slopes[i] = below + x * density
      }
      return output
    },
    backward(gradient) {
      for (let i = 0; i < size; i++) inputGradient[i] = gradient[i]! * slopes[i]!
      return inputGradient
    },
  }
}

const ROOT_TWO_PI = 2.5066282746310002

/** Beyond it Φ is 0 or 1 in doubles, and the series would be long. */
const FAR = 8.5

/** (Φ(x) - 1/2) / φ(x) = x + x³/3 + x⁵/(3·5) + …: no two terms cancel. */
function oddSeries(x: number): number {
  let term = x
  let total = x
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(total); odd += 2) {
    term *= (x * x) / odd
    total += term
  }
  return total
}
