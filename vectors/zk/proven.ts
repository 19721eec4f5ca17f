import type { Mode, Statement } from '../../proofs/src/zk/graph/graph.ts'
import { type Cheat, proveSlowly, type SlowProof } from '../../proofs/src/zk/slow/prove.ts'
import type { Tiny } from './tiny.ts'

export type Proven = SlowProof & { statement: Statement }

/** A slow proof, and the statement that it is of: the one that a cheating prover claims. */
export function prove(tiny: Tiny, mode: Mode, cheat: Cheat = {}): Proven {
  const { graph, weights, batch, input } = tiny
  const slow = proveSlowly({ graph, weights, batch, input, mode }, cheat)
  const claimed = cheat.statement ?? {}
  const statement: Statement = {
    graph: claimed.graph ?? graph,
    batch,
    input: Int32Array.from(claimed.input ?? input),
    outputs: claimed.outputs ?? slow.outputs,
    weights: mode === 1 ? { public: weights } : { id: slow.weightsId },
  }
  return { ...slow, statement }
}
