/** Networks of the shapes that are measured and tested, with random weights: declared ranges are the worst case. */
import type { Graph, Weights } from '../src/zk/graph/graph.ts'
import { sizeOf } from '../src/zk/graph/limits.ts'
import { type Builder, createBuilder, type Parameter } from '../src/zk/import/builder.ts'

export type Model = { graph: Graph; weights: Weights }

/** Whole numbers from lo to hi by a seed (a linear congruential generator). */
export function randomIntegers(seed: number): (count: number, lo: number, hi: number) => Int32Array {
  let state = seed >>> 0
  return (count, lo, hi) =>
    Int32Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return lo + Math.floor((state / 2 ** 32) * (hi - lo + 1))
    })
}

/** Parameters within ±most. */
function randomParameters(seed: number, most: number): (...dims: number[]) => Parameter {
  const random = randomIntegers(seed)
  return (...dims) => ({ dims, values: random(sizeOf(dims), -most, most) })
}

const relu = (builder: Builder, x: number, shift: number): number =>
  builder.lookup(x, 1, shift, { clamp: [0, 255] })

const pool = (builder: Builder, x: number): number =>
  builder.sum(builder.unfold(x, [2, 2], { stride: [2, 2], pads: [0, 0, 0, 0] }), 2)

/** LeNet-5 in the textbook's order: activation, then average pooling. */
export function lenet(): Model {
  const builder = createBuilder({ dims: [1, 28, 28], lo: 0, hi: 255 })
  const random = randomParameters(1, 15)
  const layer = (x: number, inputs: number, outputs: number): number =>
    builder.dense(x, random(outputs, inputs), random(outputs))
  const conv1 = builder.conv(0, random(6, 1, 5, 5), random(6), { stride: [1, 1], pads: [2, 2, 2, 2] })
  const pool1 = pool(builder, relu(builder, conv1, 10))
  const conv2 = builder.conv(pool1, random(16, 6, 5, 5), random(16), { stride: [1, 1], pads: [0, 0, 0, 0] })
  const flat = builder.reshape(pool(builder, relu(builder, conv2, 10)), [400])
  const dense1 = relu(builder, layer(flat, 400, 120), 10)
  const dense2 = relu(builder, layer(dense1, 120, 84), 8)
  return builder.finish([layer(dense2, 84, 10)])
}

/** A regression of four features. */
export function regression(): Model {
  const builder = createBuilder({ dims: [4], lo: 0, hi: 100 })
  const random = randomParameters(2, 1e6)
  return builder.finish([builder.dense(0, random(1, 4), random(1))])
}

/** Dense layers with ReLU between them. */
export function perceptron(sizes: number[], most: number, shift: number): Model {
  const builder = createBuilder({ dims: [sizes[0]!], lo: 0, hi: 255 })
  const random = randomParameters(3, most)
  let x = 0
  for (let i = 0; i + 1 < sizes.length; i++) {
    if (i > 0) x = relu(builder, x, shift)
    x = builder.dense(x, random(sizes[i + 1]!, sizes[i]!), random(sizes[i + 1]!))
  }
  return builder.finish([x])
}
