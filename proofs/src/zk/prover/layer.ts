/** What the proofs of virtual tensors share, docs/zk-soundness.md section 7, step 6. */
import type { Graph, TensorShape } from '../graph/graph.ts'
import type { Prover } from './channel.ts'
import type { Claims } from './claims.ts'
import type { Address } from './engine.ts'
import { evaluate } from './evaluate.ts'
import { type K, mul, sub } from './field.ts'

/** What an operator's proof needs: vectors in F, shapes, and where its claims go. */
export type Layer = Prover & {
  graph: Graph
  claims: Claims
  tensors: Address[]
  parameters: Address[]
  shapes: TensorShape[]
}

/** The claim that is left about a node's result, its point's groups by dimensions. */
export type Reduced = { y: TensorShape; point: K[]; groups: K[][]; value: K }

/** The claim without its bias: `rest` is the product of LT over all dimensions but the outputs'. */
export function withoutBias(layer: Layer, bias: number | undefined, r: K[], rest: K, value: K): K {
  if (bias === undefined) return value
  const b = evaluate(layer.engine, layer.parameters[bias]!, r)
  layer.channel.send('bias', b)
  layer.claims.onParameter(bias, r, b)
  return sub(value, mul(b, rest))
}
