import type { Random } from '../random.ts'
import { heUniform, type Layer, zeros } from './layer.ts'

const K = 5

export type ConvOptions = {
  inChannels: number
  outChannels: number
  /** Side of the square input planes; the output's side is 4 less (no padding, stride 1). */
  side: number
  /** The first layer's input has no use for a gradient; leaving it out saves a third of the work. */
  needsInputGradient?: boolean
}

/**
 * Convolution with 5 × 5 kernels (in fact correlation, as in ONNX's Conv), weight [out, in, 5, 5].
 * Works row by row with five taps in registers: the three loops below are where training spends its time.
 */
export function createConv(name: string, options: ConvOptions, random: Random): Layer {
  const { inChannels, outChannels, side, needsInputGradient = true } = options
  const outSide = side - K + 1
  const weight = heUniform(`${name}.weight`, [outChannels, inChannels, K, K], inChannels * K * K, random)
  const bias = zeros(`${name}.bias`, [outChannels])
  const output = new Float64Array(outChannels * outSide * outSide)
  const inputGradient = new Float64Array(needsInputGradient ? inChannels * side * side : 0)
  let lastInput: Float64Array = inputGradient

  /** Calls `visit` for each row of a kernel over each plane pair: offsets of weights, of planes' rows. */
  const eachKernelRow = (visit: (taps: number, inPlaneRow: number, outPlane: number) => void): void => {
    for (let out = 0; out < outChannels; out++)
      for (let inner = 0; inner < inChannels; inner++)
        for (let ky = 0; ky < K; ky++)
          visit(
            ((out * inChannels + inner) * K + ky) * K,
            (inner * side + ky) * side,
            out * outSide * outSide,
          )
  }

  return {
    parameters: [weight, bias],
    forward(input) {
      lastInput = input
      for (let out = 0; out < outChannels; out++)
        output.fill(bias.value[out]!, out * outSide * outSide, (out + 1) * outSide * outSide)
      eachKernelRow((taps, from, to) =>
        addCorrelation(output, to, input, from, weight.value, taps, side, outSide),
      )
      return output
    },
    backward(gradient) {
      for (let out = 0; out < outChannels; out++)
        bias.gradient[out]! += sum(gradient, out * outSide * outSide, outSide * outSide)
      eachKernelRow((taps, from, to) =>
        addTapGradients(weight.gradient, taps, lastInput, from, gradient, to, side, outSide),
      )
      if (!needsInputGradient) return inputGradient
      inputGradient.fill(0)
      eachKernelRow((taps, from, to) =>
        scatter(inputGradient, from, gradient, to, weight.value, taps, side, outSide),
      )
      return inputGradient
    },
  }
}

/** output[y, x] += Σ taps[k] · input[y, x + k] for a whole plane and one row of the kernel. */
function addCorrelation(
  output: Float64Array,
  to: number,
  input: Float64Array,
  from: number,
  taps: Float64Array,
  tap: number,
  side: number,
  outSide: number,
): void {
  const t0 = taps[tap]!
  const t1 = taps[tap + 1]!
  const t2 = taps[tap + 2]!
  const t3 = taps[tap + 3]!
  const t4 = taps[tap + 4]!
  for (let y = 0; y < outSide; y++) {
    let i = from + y * side
    let a = input[i++]!
    let b = input[i++]!
    let c = input[i++]!
    let d = input[i++]!
    for (let o = to + y * outSide, end = o + outSide; o < end; o++) {
      const e = input[i++]!
      output[o]! += t0 * a + t1 * b + (t2 * c + t3 * d) + t4 * e
      a = b
      b = c
      c = d
      d = e
    }
  }
}

/** tapGradients[k] += Σ gradient[y, x] · input[y, x + k]. */
function addTapGradients(
  tapGradients: Float64Array,
  tap: number,
  input: Float64Array,
  from: number,
  gradient: Float64Array,
  plane: number,
  side: number,
  outSide: number,
): void {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let s4 = 0
  for (let y = 0; y < outSide; y++) {
    let i = from + y * side
    let a = input[i++]!
    let b = input[i++]!
    let c = input[i++]!
    let d = input[i++]!
    for (let o = plane + y * outSide, end = o + outSide; o < end; o++) {
      const e = input[i++]!
      const slope = gradient[o]!
      s0 += slope * a
      s1 += slope * b
      s2 += slope * c
      s3 += slope * d
      s4 += slope * e
      a = b
      b = c
      c = d
      d = e
    }
  }
  tapGradients[tap]! += s0
  tapGradients[tap + 1]! += s1
  tapGradients[tap + 2]! += s2
  tapGradients[tap + 3]! += s3
  tapGradients[tap + 4]! += s4
}

/** inputGradient[y, x + k] += taps[k] · gradient[y, x]. */
function scatter(
  inputGradient: Float64Array,
  from: number,
  gradient: Float64Array,
  plane: number,
  taps: Float64Array,
  tap: number,
  side: number,
  outSide: number,
): void {
  const t0 = taps[tap]!
  const t1 = taps[tap + 1]!
  const t2 = taps[tap + 2]!
  const t3 = taps[tap + 3]!
  const t4 = taps[tap + 4]!
  for (let y = 0; y < outSide; y++) {
    let i = from + y * side
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    for (let o = plane + y * outSide, end = o + outSide; o < end; o++) {
      const slope = gradient[o]!
      inputGradient[i++]! += a + t0 * slope
      a = b + t1 * slope
      b = c + t2 * slope
      c = d + t3 * slope
      d = t4 * slope
    }
    inputGradient[i]! += a
    inputGradient[i + 1]! += b
    inputGradient[i + 2]! += c
    inputGradient[i + 3]! += d
  }
}

function sum(values: Float64Array, offset: number, length: number): number {
  let total = 0
  for (let i = offset; i < offset + length; i++) total += values[i]!
  return total
}
