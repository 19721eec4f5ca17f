import { readFileSync } from 'node:fs'
import { decodeModel, type Model } from '@nacre/proofs/zk/graph/model'
import { quantiseInput } from '@nacre/proofs/zk/import/scales'
import type { Tensor } from '@nacre/verify'
import type { Workload } from './workloads.ts'

/** What the other processes of a workload read. */
export const containerPath = (folder: string, { model }: Workload): string => `${folder}/${model}.nzkm`

export type Container = Required<Model>

export function readContainer(folder: string, workload: Workload): Container {
  const { root, ...model } = decodeModel(readFileSync(containerPath(folder, workload)))
  if (!root) throw new Error('the container has no root')
  return { ...model, root }
}

/** The workload's inputs as the container's integers, batch first. */
export function integersInput(
  { graph, scales }: Pick<Model, 'graph' | 'scales'>,
  { data }: Tensor,
): Int32Array {
  return quantiseInput(graph, scales[0]!, Array.from(data, Number))
}
