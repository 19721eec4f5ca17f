import { readFileSync, writeFileSync } from 'node:fs'
import { encodeModel, type Model } from '@nacre/proofs/zk/graph/model'
import { run } from '@nacre/proofs/zk/graph/reference'
import { importOnnx } from '@nacre/proofs/zk/import'
import { registerWeights } from '@nacre/proofs/zk/prove'
import type { Tensor } from '@nacre/verify'
import { modelPath } from '../../models/samples.ts'
import { openOnnx } from '../../models/train/runOnnx.ts'
import { containerPath, integersInput } from './container.ts'
import { accuracyOf, type Labelled, samplesOf } from './samples.ts'
import type { Workload } from './workloads.ts'

/** Share of held-out samples answered rightly, by the ONNX file and by its integers. */
export type Compiled = { float: number; integers: number; held_out: number; parameters: number }

/** As `nacre zk compile` does, calibrated on training samples; writes the container. */
export async function compileWorkload(workload: Workload, folder: string): Promise<Compiled> {
  const onnx = readFileSync(modelPath(workload.model))
  const { calibration, heldOut } = samplesOf(workload)
  const { graph, weights, scales } = importOnnx(onnx, calibration)
  const { weightsIds } = await registerWeights(graph, weights)
  const root = weightsIds[0]
  const container: Model = { graph, weights, scales, ...(root && { root }) }
  writeFileSync(containerPath(folder, workload), encodeModel(container))
  const outputs = await (await openOnnx(onnx))(heldOut.inputs)
  return {
    float: accuracyOf(outputs, heldOut.labels),
    integers: accuracyOf(integersOf(container, heldOut), heldOut.labels),
    held_out: heldOut.labels.length,
    parameters: weights.reduce((total, { length }) => total + length, 0),
  }
}

/** What the integer reference answers, in the model's unit. */
function integersOf(container: Model, { inputs, labels }: Labelled): Tensor {
  const { graph, weights, scales } = container
  const batch = 50
  const output = graph.outputs[0]!
  const values: number[] = []
  const all = integersInput(container, inputs)
  const width = all.length / labels.length
  for (let from = 0; from < labels.length; from += batch) {
    const count = Math.min(batch, labels.length - from)
    const tensors = run(graph, weights, all.subarray(from * width, (from + count) * width), count)
    for (const value of tensors[output]!) values.push(value * scales[output]!)
  }
  const dims = [labels.length, values.length / labels.length]
  return { dtype: 'float32', dims, data: Float32Array.from(values) }
}
