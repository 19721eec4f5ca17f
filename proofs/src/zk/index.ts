/** Proofs of quantised networks: what a proof is about, and its verifier (docs/zk-soundness.md). */
export type { Graph, Layout, Mode, Node, Range, Statement, TableId, Weights } from './graph/graph.ts'
export { DEFAULT_LIMITS, type Limits, STRANGER_LIMITS } from './graph/layout.ts'
export { ensureProven, MIN_SECURITY_BITS, verifyZk, type ZkVerdict } from './verifier/verify.ts'
