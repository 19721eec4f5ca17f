/** The graphs of section 8's table, for tests: their shapes and shifts; weights are random and small enough. */
import { type TransformerOptions, type TransformerWeights, transformerBlock } from './blocks.ts'
import { graphBuilder, type LookupOptions, type Parameter, type Tensor } from './build.ts'
import type { Graph, Weights } from './graph.ts'
import { sizeOf } from './limits.ts'
import { type Random, randomOf } from './randomGraph.ts'

export type Sample = { graph: Graph; weights: Weights }

function parameterOf(random: Random, dims: number[], largest: number): Parameter {
  return { dims, values: Int32Array.from({ length: sizeOf(dims) }, () => random(-largest, largest)) }
}

/** A linear regression: nothing is committed. */
export function irisRegression(): Sample {
  const random = randomOf(1)
  const { input, build } = graphBuilder({ dims: [4], lo: -128, hi: 127 })
  return build(input.dense(parameterOf(random, [1, 4], 1000), parameterOf(random, [1], 1000)))
}

export function irisNetwork(): Sample {
  const random = randomOf(2)
  const { input, build } = graphBuilder({ dims: [4], lo: -128, hi: 127 })
  const hidden = input.dense(parameterOf(random, [16, 4], 127), parameterOf(random, [16], 127))
  const active = hidden.clamp(0, 255, { shift: 9, width: 12 })
  return build(active.dense(parameterOf(random, [3, 16], 127), parameterOf(random, [3], 127)))
}

/** LeNet-5 in the textbook's order, as section 8 counts it. */
export function leNet(): Sample {
  const random = randomOf(3)
  const { input, build } = graphBuilder({ dims: [1, 28, 28], lo: 0, hi: 255 })
  const parameter = (largest: number, ...dims: number[]): Parameter => parameterOf(random, dims, largest)
  const relu = (x: Tensor, options: LookupOptions): Tensor => x.clamp(0, 255, { width: 12, ...options })
  const pool = (x: Tensor): Tensor => x.unfold([2, 2], { stride: [2, 2] }).sum(2)
  const first = input.conv(parameter(127, 6, 1, 5, 5), { bias: parameter(127, 6), pads: [2, 2, 2, 2] })
  const second = pool(relu(first, { shift: 10 })).conv(parameter(20, 16, 6, 5, 5), {
    bias: parameter(127, 16),
  })
  const features = pool(relu(second, { shift: 10 })).reshape(400)
  const third = features.dense(parameter(40, 120, 400), parameter(127, 120))
  const fourth = relu(third, { shift: 10, wide: true, width: 5 }).dense(
    parameter(30, 84, 120),
    parameter(99, 84),
  )
  return build(relu(fourth, { shift: 8 }).dense(parameter(127, 10, 84), parameter(127, 10)))
}

/** 784-1024-256-10: 1.07 million parameters. */
export function largePerceptron(): Sample {
  const random = randomOf(4)
  const { input, build } = graphBuilder({ dims: [784], lo: 0, hi: 255 })
  const dense = (x: Tensor, outputs: number): Tensor =>
    x.dense(parameterOf(random, [outputs, x.dims[0]!], 127), parameterOf(random, [outputs], 127))
  const relu = (x: Tensor): Tensor => x.clamp(0, 255, { shift: 10, wide: true, width: 6 })
  return build(dense(relu(dense(relu(dense(input, 1024)), 256)), 10))
}

/** One block over `tokens` of d: section 8's has 32 of 64, 4 heads, 256 hidden. */
type Block = { tokens: number; d: number; heads: number; hidden: number }

export function transformer(block: Partial<Block> = {}): Sample {
  const { tokens, d, heads, hidden } = { tokens: 32, d: 64, heads: 4, hidden: 256, ...block }
  const { input, build } = graphBuilder({ dims: [tokens, d], lo: -127, hi: 127 })
  return build(transformerBlock(input, transformerWeights(d, hidden), transformerOptions(heads)))
}

function transformerWeights(d: number, hidden: number): TransformerWeights {
  const random = randomOf(5)
  const dense = (outputs: number, inputs: number): { weight: Parameter; bias: Parameter } => ({
    weight: parameterOf(random, [outputs, inputs], 80),
    bias: parameterOf(random, [outputs], 80),
  })
  return {
    attention: { query: dense(d, d), key: dense(d, d), value: dense(d, d), output: dense(d, d) },
    feedForward: { hidden: dense(hidden, d), output: dense(d, hidden) },
  }
}

function transformerOptions(heads: number): TransformerOptions {
  const residual = { ca: 8, cb: 4, shift: 3 }
  return {
    attention: {
      heads,
      scale: 1 / 16,
      query: { shift: 10 },
      key: { shift: 10 },
      value: { shift: 10 },
      scores: { shift: 8 },
      context: { multiplier: 2, shift: 10 },
      output: { shift: 10 },
      residual,
    },
    feedForward: {
      hidden: { shift: 8 },
      gelu: { inScale: 1 / 32, outScale: 1 / 32 },
      output: { shift: 10 },
      residual,
    },
  }
}
