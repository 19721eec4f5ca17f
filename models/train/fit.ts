import type { Layer } from './layers/layer.ts'
import { largestIndex, softmax } from './network.ts'
import { createMomentum, type Optimiser } from './optimiser.ts'
import { permutation, type Random } from './random.ts'

/** Samples by index; `load` may draw from the random source (shifts) and may reuse its buffer. */
export type Samples = {
  count: number
  load(index: number): { input: Float64Array; label: number }
}

/** How an epoch went: mean cross-entropy in nats and share of right answers, measured while training. */
export type Epoch = { epoch: number; epochs: number; loss: number; accuracy: number }

export type FitOptions = {
  epochs: number
  batch: number
  /** Learning rate at the start; falls linearly to zero. */
  rate: number
  decay?: number
  /** Gradient descent with momentum and `decay`, unless given. */
  optimiser?: Optimiser
  random: Random
  onEpoch?: (epoch: Epoch) => void
}

/** Trains a classifier whose output is logits, in place. */
export function fitNetwork(network: Layer, samples: Samples, options: FitOptions): void {
  const { epochs, batch, rate, decay = 0, random, onEpoch } = options
  const step = options.optimiser ?? createMomentum(network.parameters, { decay })
  const steps = epochs * Math.ceil(samples.count / batch)
  let done = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = permutation(samples.count, random)
    let loss = 0
    let right = 0
    for (let start = 0; start < order.length; start += batch) {
      const indices = order.subarray(start, start + batch)
      for (const index of indices) {
        const result = learn(network, samples.load(index))
        loss += result.loss
        right += Number(result.right)
      }
      step(rate * (1 - done++ / steps), indices.length)
    }
    onEpoch?.({ epoch, epochs, loss: loss / samples.count, accuracy: right / samples.count })
  }
}

/** Share of samples whose largest output is the label's. */
export function accuracy(network: Layer, samples: Samples): number {
  let right = 0
  for (let index = 0; index < samples.count; index++) {
    const { input, label } = samples.load(index)
    right += Number(largestIndex(network.forward(input)) === label)
  }
  return right / samples.count
}

/** Forward, then backward from the gradient of softmax with cross-entropy: probabilities minus one-hot. */
function learn(network: Layer, { input, label }: { input: Float64Array; label: number }) {
  const logits = network.forward(input)
  const right = largestIndex(logits) === label
  const gradient = softmax(logits)
  const loss = -Math.log(gradient[label]!) // shown only: its last bits may differ between engines
  gradient[label]! -= 1
  network.backward(gradient)
  return { loss, right }
}
