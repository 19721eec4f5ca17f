import { proofsError } from '../../errors.ts'
import type { Graph, Weights } from '../graph/graph.ts'
import { checkGraph, checkWeights } from '../graph/ranges.ts'
import { run } from '../graph/reference.ts'
import { calibrate } from './calibrate.ts'
import { joinGelu } from './gelu.ts'
import { lowerOnnx } from './lower.ts'
import { elements } from './network.ts'
import { parseOnnx } from './onnx.ts'
import { quantise } from './quantise.ts'
import { quantiseInput } from './scales.ts'

export { quantiseInput } from './scales.ts'

/** What integers lose against floats, on the samples. */
export type ImportReport = {
  samples: number
  /** Share of the samples, 0 to 1, whose largest output is the same. */
  agreement: number
  /** Share of the samples whose largest output is that of the label. */
  accuracyFloat?: number
  accuracyInt?: number
  /** The largest difference of an output, in the model's own unit. */
  maxError: number
  /** What was left out, in words. */
  notes: string[]
}

export type Imported = {
  graph: Graph
  weights: Weights
  /** By tensor of the graph: the real number that 1 stands for. Nobody proves anything about them. */
  scales: Float64Array
  report: ImportReport
}

export type ImportOptions = {
  /** The class of each sample: the number of its output. */
  labels?: readonly number[]
}

/**
 * A quantised graph of an ONNX model, calibrated on samples (docs/zk-soundness.md, section 2; scales are written beside it).
 * @param samples raw inputs without the batch, as the ONNX model takes them; a hundred or more
 * @throws NacreError unsupported-operator with the operator and the node, shape-mismatch, invalid-graph for bytes that are no ONNX
 * file, range-overflow, model-too-large, invalid-input
 * @example
 * const { graph, weights, report } = importOnnx(readFileSync('lenet5.onnx'), digits, { labels })
 * console.log(report.accuracyFloat, report.accuracyInt)
 */
export function importOnnx(
  bytes: Uint8Array,
  samples: readonly ArrayLike<number>[],
  { labels }: ImportOptions = {},
): Imported {
  const network = lowerOnnx(joinGelu(parseOnnx(bytes)))
  const size = elements(network.input.dims)
  const isSample = (sample: ArrayLike<number>): boolean =>
    sample.length === size && Array.from(sample).every(Number.isFinite)
  if (samples.length === 0 || !samples.every(isSample))
    throw proofsError('invalid-input', `calibration needs samples of ${size} finite values each`)
  if (labels && labels.length !== samples.length)
    throw proofsError('invalid-input', `${labels.length} labels for ${samples.length} samples`)
  const { statistics, outputs } = calibrate(network, samples)
  const wrong = labels?.find(label => !Number.isInteger(label) || label < 0 || label >= outputs[0]!.length)
  if (wrong !== undefined)
    throw proofsError('invalid-input', `a label ${wrong}: the network has ${outputs[0]!.length} outputs`)
  const { graph, weights, scales } = quantise(network, statistics)
  checkGraph(graph)
  checkWeights(graph, weights)
  const integers = samples.map(sample => runOne({ graph, weights, scales }, sample))
  return { graph, weights, scales, report: { ...compare(outputs, integers, labels), notes: network.notes } }
}

/** The outputs of the integer network for one sample, in the model's unit. */
function runOne(
  { graph, weights, scales }: Omit<Imported, 'report'>,
  sample: ArrayLike<number>,
): Float64Array {
  const output = graph.outputs[0]!
  const values = run(graph, weights, quantiseInput(graph, scales[0]!, sample))[output]!
  return Float64Array.from(values, value => value * scales[output]!)
}

function compare(
  floats: readonly Float64Array[],
  integers: readonly Float64Array[],
  labels: readonly number[] | undefined,
): Omit<ImportReport, 'notes'> {
  const share = (holds: (i: number) => boolean): number =>
    floats.reduce((count, _, i) => count + Number(holds(i)), 0) / floats.length
  const best = (values: Float64Array): number => values.indexOf(Math.max(...values))
  const errors = floats.map((values, i) =>
    values.reduce((most, value, k) => Math.max(most, Math.abs(value - integers[i]![k]!)), 0),
  )
  return {
    samples: floats.length,
    agreement: share(i => best(floats[i]!) === best(integers[i]!)),
    maxError: Math.max(...errors),
    ...(labels && {
      accuracyFloat: share(i => best(floats[i]!) === labels[i]),
      accuracyInt: share(i => best(integers[i]!) === labels[i]),
    }),
  }
}
