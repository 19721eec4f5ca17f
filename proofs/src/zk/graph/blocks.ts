/** What networks are made of beyond section 2.2's operators: Appendix A of docs/zk-soundness.md. */
import { exponentTable, geluTable, inverseRootTable, reciprocalTable } from './activations.ts'
import type { Parameter, Tensor } from './build.ts'
import { bits } from './limits.ts'

/** A probability of 1, and one standard deviation of what layerNorm makes. */
export const PROBABILITY_ONE = 255
export const NORM_DEVIATION = 32

/** Of what is multiplied by a table's values, before it is scaled back. */
const FRACTION = 12
const WIDTH = 12
/** Sums are looked up by their highest bits: half of a table is for numbers below 0. */
const SUM_BITS = WIDTH - 2

/** Tables that blocks share are made once: the same array is the same table. */
const made = new Map<string, Int16Array>()
function shared(name: string, make: () => Int16Array): Int16Array {
  const table = made.get(name) ?? make()
  made.set(name, table)
  return table
}

/**
 * exp(scale · x) over its sum along the last dimension, PROBABILITY_ONE being 1; what is below 1/510 is 0.
 * @param scale the real number that 1 of x stands for
 */
export function softmax(x: Tensor, scale: number): Tensor {
  const distance = x.add(x.max(), -1, 1)
  const width = bits(Math.max(-distance.lo, distance.hi + 1)) + 1
  const e = distance.table(
    shared(`exp ${width} ${scale}`, () => exponentTable(width, scale, PROBABILITY_ONE)),
  )
  const z = e.sum()
  const shift = Math.max(0, bits(z.hi + 1) - (WIDTH - 1))
  const numerator = (PROBABILITY_ONE * 2 ** FRACTION) / 2 ** shift
  const r = z.table(
    shared(`1/x ${numerator}`, () => reciprocalTable(WIDTH, numerator)),
    { shift },
  )
  return e.mul(r).clamp(0, PROBABILITY_ONE, { shift: FRACTION, width: WIDTH })
}

/**
 * (x - mean) / deviation over the last dimension, in units of 1 / NORM_DEVIATION, within [-127, 127]. x is int8. Gain
 * and offset belong to the dense layer behind it.
 */
export function layerNorm(x: Tensor): Tensor {
  const d = x.dims.at(-1)!
  const centred = x.add(x.sum(), d, -1)
  const c = centred.clamp(-127, 127, { shift: Math.max(0, bits(centred.hi) - 7), width: WIDTH })
  const variance = c.mul(c).sum()
  const shift = Math.max(0, bits(variance.hi) - SUM_BITS)
  // The deviation of c is √(q 2^shift / d).
  const numerator = (NORM_DEVIATION * 2 ** FRACTION) / Math.sqrt(2 ** shift / d)
  const g = variance.table(
    shared(`1/√x ${numerator}`, () => inverseRootTable(WIDTH, numerator)),
    { shift },
  )
  return c.mul(g).clamp(-127, 127, { shift: FRACTION, width: WIDTH })
}

/** A dense layer's parameters: [outputs, inputs] and [outputs]. */
export type Dense = { weight: Parameter; bias: Parameter }
/** int8 = multiplier · sum / 2^shift. */
export type Requantisation = { multiplier?: number; shift: number }
/** x and what a branch makes of it, brought to one scale: (ca · x + cb · branch) / 2^shift. */
export type Residual = { ca: number; cb: number; shift: number }

export type AttentionOptions = {
  heads: number
  /** The real number that 1 of a score stands for, 1/√(d/heads) included. */
  scale: number
  query: Requantisation
  key: Requantisation
  value: Requantisation
  scores: Requantisation
  context: Requantisation
  output: Requantisation
}

/** Attention over x [T, d], without a mask: [T, d] again. */
export function attention(
  x: Tensor,
  weights: { query: Dense; key: Dense; value: Dense; output: Dense },
  options: AttentionOptions,
): Tensor {
  const [tokens, d] = x.dims as [number, number]
  const { heads } = options
  // [T, d] to [heads, T, d/heads]: moves nothing where d/heads is a power of two.
  const split = (name: 'query' | 'key' | 'value'): Tensor =>
    int8(dense(x, weights[name]), options[name])
      .reshape(tokens, heads, d / heads)
      .permute(1, 0, 2)
  const scores = int8(split('query').matmul(split('key'), { transposed: true }), options.scores)
  const context = int8(softmax(scores, options.scale).matmul(split('value')), options.context)
  return int8(dense(context.permute(1, 0, 2).reshape(tokens, d), weights.output), options.output)
}

export type FeedForwardOptions = {
  hidden: Requantisation
  /** The real numbers that 1 before and after GELU stands for. */
  gelu: { inScale: number; outScale: number }
  output: Requantisation
}

/** dense, GELU, dense. */
export function feedForward(
  x: Tensor,
  weights: { hidden: Dense; output: Dense },
  { hidden, gelu: { inScale, outScale }, output }: FeedForwardOptions,
): Tensor {
  const table = shared(`gelu ${inScale} ${outScale}`, () => geluTable(WIDTH, inScale, outScale))
  return int8(dense(dense(x, weights.hidden).table(table, hidden), weights.output), output)
}

export type TransformerWeights = {
  attention: Parameters<typeof attention>[1]
  feedForward: Parameters<typeof feedForward>[1]
}
export type TransformerOptions = {
  attention: AttentionOptions & { residual: Residual }
  feedForward: FeedForwardOptions & { residual: Residual }
}

/** A transformer block with layer norms in front: x is int8 [T, d], and so is the result. */
export function transformerBlock(
  x: Tensor,
  weights: TransformerWeights,
  options: TransformerOptions,
): Tensor {
  const attended = attention(layerNorm(x), weights.attention, options.attention)
  const middle = residual(x, attended, options.attention.residual)
  const fed = feedForward(layerNorm(middle), weights.feedForward, options.feedForward)
  return residual(middle, fed, options.feedForward.residual)
}

function residual(x: Tensor, branch: Tensor, { ca, cb, shift }: Residual): Tensor {
  return int8(x.add(branch, ca, cb), { shift })
}

function dense(x: Tensor, { weight, bias }: Dense): Tensor {
  return x.dense(weight, bias)
}

function int8(x: Tensor, scaling: Requantisation): Tensor {
  return x.clamp(-127, 127, { ...scaling, width: WIDTH })
}
