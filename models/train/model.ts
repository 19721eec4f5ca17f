import type { Epoch } from './fit.ts'
import type { Layer, Parameter } from './layers/layer.ts'
import type { Graph, Weight } from './onnx.ts'

/** What training a model yields: the graph to write and what `index.json` says about it. */
export type Trained = {
  graph: Graph
  title: string
  /** Share of the held-out samples answered rightly, measured with the float32 weights. */
  accuracy: number
  classes: readonly string[]
  data: string
  seed?: number
  trainedOn: number
  heldOut: number
}

/** Trains from scratch; `onEpoch` hears of progress where training has epochs. */
export type Train = (onEpoch?: (epoch: Epoch) => void) => Trained

/** Parameters as constants of an ONNX graph. */
export function weightsOf(parameters: readonly Parameter[]): Weight[] {
  return parameters.map(({ name, dims, value }) => ({ name, dims, values: value }))
}

/** Puts the constants of an ONNX file into a network of the same shape, by name. */
export function assignWeights(network: Layer, weights: ReadonlyMap<string, Float32Array>): void {
  for (const { name, value } of network.parameters) {
    const found = weights.get(name)
    if (found?.length !== value.length) throw new RangeError(`weight ${name} is missing or of another size`)
    value.set(found)
  }
}
