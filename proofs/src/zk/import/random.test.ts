import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeOnnx, INPUT, type Node, OUTPUT, type Weight } from '../../../../models/train/onnx.ts'
import { importOnnx } from './import.ts'

const OPERATORS = ['Relu', 'Sigmoid', 'Tanh', 'Gelu'] as const

/** Layers of any size of weights, with activations, residuals and a bias now and then. */
const networks = fc.record({
  width: fc.integer({ min: 1, max: 6 }),
  layers: fc.array(
    fc.record({
      op: fc.constantFrom(...OPERATORS),
      exponent: fc.integer({ min: -4, max: 4 }),
      residual: fc.boolean(),
      biased: fc.boolean(),
      seed: fc.nat(),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  exponent: fc.integer({ min: -3, max: 3 }),
})

type Random = typeof networks extends fc.Arbitrary<infer T> ? T : never

function onnxOf({ width, layers }: Random): Uint8Array {
  const weights: Weight[] = []
  const nodes: Node[] = []
  let from = INPUT
  layers.forEach(({ op, exponent, residual, biased, seed }, i) => {
    const at = (k: number): number => Math.sin(seed * 0.618 + k * 12.9898) * 10 ** exponent
    const last = i === layers.length - 1
    weights.push({
      name: `w${i}`,
      dims: [width, width],
      values: Array.from({ length: width * width }, (_, k) => at(k)),
    })
    if (biased)
      weights.push({
        name: `b${i}`,
        dims: [width],
        values: Array.from({ length: width }, (_, k) => at(-k - 1)),
      })
    const inputs = [from, `w${i}`, ...(biased ? [`b${i}`] : [])]
    nodes.push({ op: 'Gemm', inputs, output: last ? OUTPUT : `g${i}`, attributes: { transB: 1 } })
    if (last) return
    nodes.push({ op, inputs: [`g${i}`], output: `a${i}` })
    if (residual) nodes.push({ op: 'Add', inputs: [`a${i}`, from], output: `r${i}` })
    from = residual ? `r${i}` : `a${i}`
  })
  const dims = [-1, width]
  return encodeOnnx({
    name: 'random',
    input: { dtype: 'float32', dims },
    output: { dtype: 'float32', dims },
    nodes,
    weights,
  })
}

test('whatever the sizes of weights and inputs, there is a valid graph, and scales that are numbers', () => {
  fc.assert(
    fc.property(networks, network => {
      const samples = Array.from({ length: 10 }, (_, s) =>
        Float32Array.from(
          { length: network.width },
          (_, k) => Math.cos(s * 3 + k * 7) * 10 ** network.exponent,
        ),
      )
      const { scales, report } = importOnnx(onnxOf(network), samples)
      expect(scales.every(scale => scale > 0 && Number.isFinite(scale))).toBe(true)
      expect(Number.isFinite(report.maxError)).toBe(true)
    }),
    { numRuns: 100 },
  )
})
