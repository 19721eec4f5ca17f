import type { ColumnName, Graph, LookupName } from '../graph/graph.ts'
import type { Address, Kernels } from './engine.ts'

/** What an operator computes with: views of the memory. */
export type Pass = {
  graph: Graph
  kernels: Pick<Kernels, 'denseI32' | 'convI32'>
  /** Dimensions of a tensor, batch first. */
  dims(tensor: number): number[]
  at(tensor: number): Address
  /** A parameter's integers, without padding; 0 without one. */
  weightsAt(parameter: number | undefined): Address
  /** Integers in memory, until the next ones. */
  put(integers: number[]): Address
  /** A tensor's padded values; zero before its node writes them. */
  tensor(tensor: number): Int32Array
  column(node: number, name: ColumnName): Int32Array
  /** Says which entry each element of a lookup finds, and counts. */
  found(node: number, part: LookupName, indices: Int32Array): void
  /** A part of the entries of a lookup's table. */
  entries(node: number, part: LookupName, index: number): Int32Array
}
