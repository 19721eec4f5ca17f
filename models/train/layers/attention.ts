import { softmax } from '../network.ts'
import type { Random } from '../random.ts'
import { addScaled, createDense, dot } from './dense.ts'
import type { Layer } from './layer.ts'

export type AttentionOptions = { tokens: number; width: number; heads: number }

/**
 * Multi-head self-attention (Vaswani and others, 2017) without a mask: of each head, softmax(Q Kᵀ / √side) V, then
 * a dense layer over all heads. The input has `tokens` rows of `width`; a head's `side` is width / heads.
 */
export function createAttention(name: string, options: AttentionOptions, random: Random): Layer {
  const { tokens, width, heads } = options
  const side = width / heads
  const scale = 1 / Math.sqrt(side)
  const projection = (part: string): Layer =>
    createDense(`${name}.${part}`, { inputs: width, outputs: width, rows: tokens }, random)
  const [query, key, value, output] = ['query', 'key', 'value', 'output'].map(projection) as [
    Layer,
    Layer,
    Layer,
    Layer,
  ]
  const [mixed, dq, dk, dv, inputGradient] = [0, 0, 0, 0, 0].map(() => new Float64Array(tokens * width)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  const shares = Array.from({ length: heads * tokens }, () => new Float64Array(tokens))
  const slopes = new Float64Array(tokens)
  let q = mixed
  let k = mixed
  let v = mixed

  /** Calls `visit` for each head and row: offset of the head's part of the row, offset of the head, its shares. */
  const eachRow = (visit: (at: number, head: number, shares: Float64Array) => void): void => {
    for (let head = 0; head < heads; head++)
      for (let row = 0; row < tokens; row++)
        visit(row * width + head * side, head * side, shares[head * tokens + row]!)
  }

  return {
    parameters: [query, key, value, output].flatMap(layer => layer.parameters),
    forward(input) {
      q = query.forward(input)
      k = key.forward(input)
      v = value.forward(input)
      mixed.fill(0)
      eachRow((at, head, share) => {
        for (let other = 0; other < tokens; other++)
          share[other] = scale * dot(q, at, k, other * width + head, side)
        softmax(share, share)
        for (let other = 0; other < tokens; other++)
          addScaled(mixed, at, v, other * width + head, share[other]!, side)
      })
      return output.forward(mixed)
    },
    backward(gradient) {
      const slope = output.backward(gradient)
      for (const part of [dq, dk, dv]) part.fill(0)
      eachRow((at, head, share) => {
        let mean = 0
        for (let other = 0; other < tokens; other++) {
          slopes[other] = dot(slope, at, v, other * width + head, side)
          mean += slopes[other]! * share[other]!
        }
        for (let other = 0; other < tokens; other++) {
          const to = other * width + head
          const score = scale * share[other]! * (slopes[other]! - mean)
          addScaled(dv, to, slope, at, share[other]!, side)
          addScaled(dq, at, k, to, score, side)
          addScaled(dk, to, q, at, score, side)
        }
      })
      const parts = [query.backward(dq), key.backward(dk), value.backward(dv)]
      inputGradient.fill(0)
      for (const part of parts) addScaled(inputGradient, 0, part, 0, 1, inputGradient.length)
      return inputGradient
    },
  }
}
