import { exp } from './exp.ts'
import type { Layer, Parameter } from './layers/layer.ts'

/** Layers one after the other; itself a layer. */
export function createNetwork(layers: readonly Layer[]): Layer {
  return {
    parameters: layers.flatMap(layer => layer.parameters),
    forward: input => layers.reduce((value, layer) => layer.forward(value), input),
    backward: gradient => layers.reduceRight((value, layer) => layer.backward(value), gradient),
  }
}

/** Probabilities of `logits`, written into `target`. */
export function softmax(
  logits: Float64Array,
  target: Float64Array = new Float64Array(logits.length),
): Float64Array {
  let largest = -Infinity
  for (const logit of logits) if (logit > largest) largest = logit
  let total = 0
  for (let i = 0; i < logits.length; i++) total += target[i] = exp(logits[i]! - largest)
  for (let i = 0; i < logits.length; i++) target[i]! /= total
  return target
}

/** Index of the largest value; the first of equals. */
export function largestIndex(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i
  return best
}

/** Rounds every parameter to float32, the type of the ONNX files. */
export function roundToFloat32(parameters: readonly Parameter[]): void {
  for (const { value } of parameters) for (let i = 0; i < value.length; i++) value[i] = Math.fround(value[i]!)
}
