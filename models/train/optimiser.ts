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
