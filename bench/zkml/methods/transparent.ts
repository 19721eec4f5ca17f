import { type Graph, verifyZk, type Weights } from '@nacre/proofs/zk'
import { layoutOf } from '@nacre/proofs/zk/graph/layout'
import { run } from '@nacre/proofs/zk/graph/reference'
import { type Proven, prove, registerWeights, type Thread } from '@nacre/proofs/zk/prove'
import { proverThreads } from '../../../cli/src/commands/zk/threads.ts'
import { integersInput, readContainer } from '../container.ts'
import { type Figures, NOTHING, peakMb } from '../row.ts'
import { repeat, round } from '../times.ts'
import { questionOf, type Workload } from '../workloads.ts'

/** As many threads of the prover as `nacre zk prove` starts. */
export function threadsFor(graph: Graph, weights: Weights, batch: number): Thread[] {
  const committed = weights.reduce((total, { length }) => total + length, 0)
  return proverThreads(undefined, committed + 2 * layoutOf(graph, batch, 0).leaves.total)
}

/** Our prover with committed weights, witness included, and the verifier, which knows the graph and the commitment. */
export async function measureTransparent(workload: Workload, folder: string): Promise<Figures> {
  const container = readContainer(folder, workload)
  const { batch } = workload
  const { graph, weights, root } = container
  const threads = threadsFor(graph, weights, batch)
  const input = integersInput(container, questionOf(workload))
  const started = performance.now()
  const model = await registerWeights(graph, weights, { threads })
  const setup = performance.now() - started
  let proven: Proven | undefined
  const proofs = await repeat(async () => {
    proven = await prove(model, input, batch)
  })
  const { proof, outputs } = proven!
  const reference = run(graph, weights, input, batch)
  if (!graph.outputs.every((tensor, i) => equal(outputs[i]!, reference[tensor]!)))
    throw new Error('not what the integer reference gives')
  const verdicts = await repeat(() => {
    const { ok, checks } = verifyZk(proof, { graph, weights: { id: root }, batch, input, outputs })
    if (!ok) throw new Error(`the proof does not verify: ${JSON.stringify(checks)}`)
  })
  return {
    ...NOTHING,
    prove_ms: proofs.median,
    verify_ms: verdicts.median,
    proof_bytes: proof.length,
    rss_mb: peakMb(),
    cold_ms: proofs.cold,
    setup_ms: round(setup),
    threads: threads.length + 1,
    note: 'no contract verifies it',
  }
}

function equal(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}
