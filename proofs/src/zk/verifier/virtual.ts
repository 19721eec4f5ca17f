/** What the virtual operators share (docs/zk-soundness.md, section 7, step 6). */
import type { NodeOf, Op } from '../graph/graph.ts'
import type { Claim } from './claims.ts'
import { type K, mul, sub } from './field.ts'
import type { Session } from './session.ts'

/** The one claim on a virtual node's tensor. */
export type VirtualClaim<O extends Op> = {
  /** Of the check. */
  name: string
  node: NodeOf<O>
  /** The tensor's, batch first. */
  dims: number[]
  /** The claim's coordinates by dimensions. */
  groups: K[][]
  claim: Claim
}

/** The claimed value without the bias, which counts at true rows only: `rows` is their Valid. */
export function withoutBias(
  { channel, claims }: Session,
  { node, claim }: { node: NodeOf<'dense' | 'conv'>; claim: Claim },
  outputs: readonly K[],
  rows: K,
): K {
  if (node.bias === undefined) return claim.value
  const [bias] = channel.receive('bias', 1) as [K]
  claims.parameter(node.bias, outputs, bias)
  return sub(claim.value, mul(bias, rows))
}
