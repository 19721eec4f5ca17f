import type { Parameter } from './layers/layer.ts'

/** Applies the gathered gradients, divided by `samples`, at learning rate `rate`, and clears them. */
export type Optimiser = (rate: number, samples: number) => void

/** Stochastic gradient descent with momentum and a little weight decay. */
export function createMomentum(
  parameters: readonly Parameter[],
  { momentum = 0.9, decay = 0 }: { momentum?: number; decay?: number } = {},
): Optimiser {
  const velocities = parameters.map(({ value }) => new Float64Array(value.length))
  return (rate, samples) => {
    for (const [index, { value, gradient }] of parameters.entries()) {
      const velocity = velocities[index]!
      for (let i = 0; i < value.length; i++) {
        velocity[i] = momentum * velocity[i]! + gradient[i]! / samples + decay * value[i]!
        value[i]! -= rate * velocity[i]!
      }
      gradient.fill(0)
    }
  }
}

const EPSILON = 1e-8

/** Adam (Kingma and Ba, 2015): each parameter's step has its own scale, which attention needs. */
export function createAdam(
  parameters: readonly Parameter[],
  { beta1 = 0.9, beta2 = 0.999 }: { beta1?: number; beta2?: number } = {},
): Optimiser {
  const means = parameters.map(({ value }) => new Float64Array(value.length))
  const squares = parameters.map(({ value }) => new Float64Array(value.length))
  let left1 = 1
  let left2 = 1
  return (rate, samples) => {
    left1 *= beta1
    left2 *= beta2
    for (const [index, { value, gradient }] of parameters.entries()) {
      const mean = means[index]!
      const square = squares[index]!
      for (let i = 0; i < value.length; i++) {
        const slope = gradient[i]! / samples
        mean[i] = beta1 * mean[i]! + (1 - beta1) * slope
        square[i] = beta2 * square[i]! + (1 - beta2) * slope * slope
        value[i]! -= (rate * (mean[i]! / (1 - left1))) / (Math.sqrt(square[i]! / (1 - left2)) + EPSILON)
      }
      gradient.fill(0)
    }
  }
}
