/** Proofs of quantised networks: what a proof is about, and its verifier (docs/zk-soundness.md). */
export type { Graph, Layout, Mode, Node, Range, Statement, TableId, Weights } from './graph/graph.ts'
