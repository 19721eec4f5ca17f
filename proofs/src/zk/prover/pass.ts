import type { ColumnName, Graph, LookupName, Weights } from '../graph/graph.ts'

/** What an operator computes with: views of the memory. */
export type Pass = {
  graph: Graph
  weights: Weights
  /** Dimensions of a tensor, batch first. */
  dims(tensor: number): number[]
  /** A tensor's padded values; zero before its node writes them. */
  tensor(tensor: number): Int32Array
  column(node: number, name: ColumnName): Int32Array
  /** Says which entry each element of a lookup finds, and counts. */
  found(node: number, part: LookupName, indices: Int32Array): void
  /** A part of the entries of a lookup's table. */
  entries(node: number, part: LookupName, index: number): Int32Array
}
