import { run } from '@nacre/proofs/zk/graph/reference'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { modelPath } from '../../../models/samples.ts'
import { integersInput, readContainer } from '../container.ts'
import { type Figures, NOTHING, peakMb } from '../row.ts'
import { repeat } from '../times.ts'
import { questionOf, type Workload } from '../workloads.ts'

/** The engine alone on the ONNX file, one thread; and the integer reference, which is written to be read. */
export async function measurePlain(workload: Workload, folder: string): Promise<Figures> {
  const question = questionOf(workload)
  const { dtype, data, dims } = question
  const session = await InferenceSession.create(modelPath(workload.model), {
    ...{ intraOpNumThreads: 1, interOpNumThreads: 1 },
  })
  const feeds = { [session.inputNames[0]!]: new Tensor(dtype as 'float32', data as Float32Array, [...dims]) }
  const engine = await repeat(() => session.run(feeds), { atMost: 300, seconds: 1 })
  const rss = peakMb()
  const container = readContainer(folder, workload)
  const input = integersInput(container, question)
  const reference = await repeat(() => run(container.graph, container.weights, input, workload.batch), {
    seconds: 1,
  })
  return {
    ...NOTHING,
    prove_ms: engine.median,
    rss_mb: rss,
    cold_ms: engine.cold,
    reference_ms: reference.median,
  }
}
