/** Times of the prover on this machine, with random weights: `node proofs/scripts/measure.ts`. */

import { layoutOf } from '../src/zk/graph/layout.ts'
import { sizeOf } from '../src/zk/graph/limits.ts'
import { estimateMemory } from '../src/zk/prover/memory.ts'
import { prove, registerWeights } from '../src/zk/prover/prove.ts'
import { lenet, type Model, perceptron, randomIntegers, regression } from './models.ts'

const MODELS: [name: string, model: Model, batch: number][] = [
  ['regression', regression(), 1],
  ['iris 4-16-3', perceptron([4, 16, 3], 127, 8), 500],
  ['lenet', lenet(), 1],
  ['lenet', lenet(), 16],
  ['784-1024-256-10', perceptron([784, 1024, 256, 10], 15, 9), 1],
]

for (const [name, model, batch] of MODELS) {
  const began = performance.now()
  const registered = await registerWeights(model.graph, model.weights)
  const registration = performance.now() - began
  const { input } = model.graph
  const values = randomIntegers(4)(batch * sizeOf(input.dims), input.lo, input.hi)
  for (const mode of [0, 1] as const) {
    const runs = Array.from({ length: 8 }, () => ({ steps: [] as [string, number][], total: 0, cpu: 0 }))
    let size = 0
    for (const run of runs) {
      const usage = process.cpuUsage()
      const start = performance.now()
      const progress = (step: string): void => {
        run.steps.push([step, performance.now()])
      }
      size = (await prove(registered, values, batch, { mode, progress, memory: 2e9 })).proof.length
      run.total = performance.now() - start
      const { user, system } = process.cpuUsage(usage)
      run.cpu = (user + system) / 1000 / run.total
      run.steps.push(['end', start + run.total])
    }
    const best = runs.toSorted((a, b) => a.total - b.total)[0]!
    const steps = best.steps
      .slice(0, -1)
      .map(([step, at], i) => `${step} ${(best.steps[i + 1]![1] - at).toFixed(1)}`)
    const estimate = estimateMemory(model.graph, layoutOf(model.graph, batch, mode, { operations: 2 ** 40 }))
    console.log(
      `${name} x ${batch}, mode ${mode}: first ${runs[0]!.total.toFixed(1)} ms, best ${best.total.toFixed(1)} ms`,
      `(processor ${best.cpu.toFixed(2)}), proof ${(size / 1000).toFixed(1)} kB, registered in ${registration.toFixed(0)} ms,`,
      `memory estimated ${(estimate / 1e6).toFixed(1)} MB, had ${(registered.engine.bytes.length / 1e6).toFixed(1)} MB:`,
      steps.join(', '),
    )
  }
}
