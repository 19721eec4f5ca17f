/**
 * Times of the prover on this machine, for section 8's networks with random weights: `node proofs/scripts/measure.ts`,
 * and with a number behind it that many threads share the work.
 * The first proof of a model has engines compile and memory appear; the best of the others is what a service has.
 */
import { Worker } from 'node:worker_threads'
import type { Mode } from '../src/zk/graph/graph.ts'
import { layoutOf } from '../src/zk/graph/layout.ts'
import { randomInput, randomOf } from '../src/zk/graph/randomGraph.ts'
import {
  irisNetwork,
  irisRegression,
  largePerceptron,
  leNet,
  type Sample,
  transformer,
} from '../src/zk/graph/samples.ts'
import { estimateMemory, prove, type RegisteredModel, registerWeights } from '../src/zk/prover/prove.ts'

const MODELS: [name: string, sample: Sample, batch: number][] = [
  ['iris regression', irisRegression(), 1],
  ['iris 4-16-3', irisNetwork(), 500],
  ['lenet-5', leNet(), 1],
  ['lenet-5', leNet(), 16],
  ['784-1024-256-10', largePerceptron(), 1],
  ['transformer block', transformer(), 1],
]
const RUNS = 12
const SCRIPT = new URL('../../cli/src/commands/zk/proverThread.ts', import.meta.url)
const threads = Array.from({ length: Number(process.argv[2] ?? 1) - 1 }, () => new Worker(SCRIPT))

type Run = { ms: number; processor: number; bytes: number; steps: string }

async function measured(model: RegisteredModel, input: Int32Array, batch: number, mode: Mode): Promise<Run> {
  const times: { step: string; at: number }[] = []
  const usage = process.cpuUsage()
  const start = performance.now()
  const { proof } = await prove(model, input, batch, {
    mode,
    progress: step => times.push({ step, at: performance.now() }),
  })
  const end = performance.now()
  const { user, system } = process.cpuUsage(usage)
  const steps = times.map(({ step, at }, i) => `${step} ${((times[i + 1]?.at ?? end) - at).toFixed(1)}`)
  return { ms: end - start, processor: (user + system) / 1000, bytes: proof.length, steps: steps.join(', ') }
}

for (const [name, { graph, weights }, batch] of MODELS) {
  const start = performance.now()
  const model = await registerWeights(graph, weights, { threads })
  console.log(`${name} x ${batch}: registered in ${(performance.now() - start).toFixed(0)} ms`)
  const input = randomInput(randomOf(1), graph, batch)
  for (const mode of [0, 1] as const) {
    const first = await measured(model, input, batch, mode)
    let best = first
    for (let i = 1; i < RUNS; i++) {
      const run = await measured(model, input, batch, mode)
      if (run.ms < best.ms) best = run
    }
    const times = [first, best].map(run => `${run.ms.toFixed(1)} ms (processor ${run.processor.toFixed(1)})`)
    const memory = [estimateMemory(layoutOf(graph, batch, mode)), model.engine.peak]
    const [estimate, peak] = memory.map(bytes => (bytes / 1e6).toFixed(1))
    console.log(
      `  mode ${mode}: first ${times[0]}, best ${times[1]}; proof ${(best.bytes / 1000).toFixed(1)} kB;`,
      `memory ${peak} MB of ${estimate} estimated; ${best.steps}`,
    )
  }
}

for (const thread of threads) await thread.terminate()
