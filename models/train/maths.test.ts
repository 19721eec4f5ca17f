import { describe, expect, test } from 'vitest'
import { exp } from './exp.ts'
import { leastSquares } from './irisOls.ts'
import { createAttention } from './layers/attention.ts'
import { createConv } from './layers/conv.ts'
import { createDense } from './layers/dense.ts'
import { createGelu } from './layers/gelu.ts'
import type { Layer } from './layers/layer.ts'
import { createNormalisation } from './layers/normalisation.ts'
import { createAveragePool } from './layers/pool.ts'
import { createRelu } from './layers/relu.ts'
import { createResidual } from './layers/residual.ts'
import { softmax } from './network.ts'
import { createAdam, createMomentum } from './optimiser.ts'
import { createRandom, permutation } from './random.ts'

test('exp agrees with the engine to 12 digits, ends included', () => {
  for (let x = -690; x < 690; x += 0.731) expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(1e-12)
  expect([exp(0), exp(-1000), exp(1000)]).toEqual([1, 0, Number.POSITIVE_INFINITY])
})

test('gelu is x Φ(x), far from zero too', () => {
  const x = Float64Array.from([-40, -3, -1, 0, 0.5, 2, 40])
  const y = createGelu(x.length).forward(x)
  const known = [0, -0.00404969, -0.15865525, 0, 0.34573123, 1.95449974, 40]
  for (const [i, value] of known.entries()) expect(y[i]).toBeCloseTo(value, 7)
})

test('softmax sums to one and does not overflow', () => {
  const probabilities = softmax(Float64Array.from([1000, 999, -1000]))
  expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
  expect(probabilities[0]! / probabilities[1]!).toBeCloseTo(Math.E, 10)
})

test('the random source is fixed by its seed, in range, and shuffles without loss', () => {
  const draws = (seed: number) => {
    const random = createRandom(seed)
    return Array.from({ length: 5 }, () => random.uniform())
  }
  expect(draws(1)).toEqual(draws(1))
  expect(draws(1)).not.toEqual(draws(2))
  expect(new Set(draws(1)).size).toBe(5)
  const random = createRandom(3)
  const values = Array.from({ length: 3000 }, () => random.below(3))
  for (const value of [0, 1, 2]) expect(values.filter(v => v === value).length).toBeGreaterThan(900)
  expect([...permutation(500, random)].sort((a, b) => a - b)).toEqual([...Array(500).keys()])
})

test('least squares finds the line through points and refuses dependent columns', () => {
  const rows = [0, 1, 2, 5].map(x => [x, 1])
  const [slope, constant] = leastSquares(
    rows,
    rows.map(([x]) => 3 * x! - 2),
  )
  expect(slope).toBeCloseTo(3, 10)
  expect(constant).toBeCloseTo(-2, 10)
  expect(() =>
    leastSquares(
      [
        [1, 1],
        [2, 2],
      ],
      [1, 2],
    ),
  ).toThrow(RangeError)
})

test('momentum moves against the gradient, remembers, and clears the gradient', () => {
  const parameter = { name: 'w', dims: [1], value: Float64Array.of(1), gradient: Float64Array.of(4) }
  const step = createMomentum([parameter], { momentum: 0.5 })
  step(0.1, 2)
  expect([parameter.value[0], parameter.gradient[0]]).toEqual([0.8, 0])
  step(0.1, 2)
  expect(parameter.value[0]).toBeCloseTo(0.7, 12)
})

test('Adam steps by the rate whatever the gradient’s size, and clears the gradient', () => {
  const parameter = {
    name: 'w',
    dims: [2],
    value: Float64Array.of(1, 1),
    gradient: Float64Array.of(4, -1e-3),
  }
  createAdam([parameter])(0.1, 2)
  expect(parameter.value[0]).toBeCloseTo(0.9, 6)
  expect(parameter.value[1]).toBeCloseTo(1.1, 4)
  expect([...parameter.gradient]).toEqual([0, 0])
})

describe('backward is the derivative of forward', () => {
  const random = createRandom(11)
  const layers: [string, Layer, number][] = [
    ['dense', createDense('d', { inputs: 6, outputs: 3 }, random), 6],
    ['conv', createConv('c', { inChannels: 2, outChannels: 3, side: 7 }, random), 2 * 7 * 7],
    ['average pool', createAveragePool({ channels: 2, side: 4 }), 2 * 4 * 4],
    ['relu', createRelu(12), 12],
    ['dense, of three rows', createDense('d', { inputs: 5, outputs: 4, rows: 3 }, random), 15],
    ['gelu', createGelu(12), 12],
    ['layer normalisation', createNormalisation('n', { rows: 3, width: 4 }), 12],
    ['attention', createAttention('a', { tokens: 3, width: 4, heads: 2 }, random), 12],
    ['residual', createResidual(createDense('d', { inputs: 6, outputs: 6 }, random), 6), 6],
  ]
  test.each(layers)('%s', (_, layer, size) => {
    const input = Float64Array.from({ length: size }, () => random.uniform() - 0.5)
    const slopes = Float64Array.from(layer.forward(input), () => random.uniform() - 0.5)
    const loss = () => layer.forward(input).reduce((sum, value, i) => sum + value * slopes[i]!, 0)
    layer.forward(input)
    expectDerivative(input, Float64Array.from(layer.backward(slopes)), loss)
    for (const { value, gradient } of layer.parameters) expectDerivative(value, gradient, loss)
  })
})

function expectDerivative(values: Float64Array, gradient: Float64Array, loss: () => number) {
  const step = 1e-6
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    values[i] = value + step
    const above = loss()
    values[i] = value - step
    const below = loss()
    values[i] = value
    expect(gradient[i]).toBeCloseTo((above - below) / (2 * step), 6)
  }
}
