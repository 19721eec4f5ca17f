import type { Tensor } from '@nacre/verify'
import { batchOf, type ModelName } from '../../models/samples.ts'

/** A model on `batch` inputs, which are one proof, and one request. */
export type Workload = {
  name: string
  title: string
  model: ModelName
  batch: number
  /** The article's own times in milliseconds, on its own machines; absent where it has none. */
  article?: { proof_ms: { system: string; ms: number }[]; tee_ms: number }
}

/** The article's figures: zkML at the best that it names, and its TEE. */
export const WORKLOADS: readonly Workload[] = [
  {
    ...{ name: 'iris-ols', title: 'Iris, least squares', model: 'iris-ols', batch: 1 },
    article: { proof_ms: [{ system: 'RISC Zero over', ms: 32_000 }], tee_ms: 47 },
  },
  {
    ...{ name: 'iris-mlp-500', title: 'Iris, 4-16-3, 500 inputs', model: 'iris-mlp', batch: 500 },
    article: { proof_ms: [{ system: 'EZKL', ms: 212_000 }], tee_ms: 45 },
  },
  {
    ...{ name: 'lenet5', title: 'LeNet-5, textbook order', model: 'lenet5', batch: 1 },
    article: {
      proof_ms: [
        { system: 'EZKL', ms: 60_000 },
        { system: 'zkml (ddkang)', ms: 3330 },
      ],
      tee_ms: 56,
    },
  },
  { name: 'digits-mlp', title: '784-1024-256-10', model: 'digits-mlp', batch: 1 },
  { name: 'digits-transformer', title: 'transformer block', model: 'digits-transformer', batch: 1 },
]

/** @throws RangeError */
export function workloadOf(name: string): Workload {
  const found = WORKLOADS.find(workload => workload.name === name)
  if (!found) throw new RangeError(`there is no workload ${name}`)
  return found
}

/** What the workload asks: held-out samples, from the first on. */
export function questionOf({ model, batch }: Workload): Tensor {
  return batchOf(model, batch)
}

/** Of the growing perceptrons' first hidden layer, whose next has a quarter of it: 10 thousand to 4 million parameters. */
export const WIDTHS: readonly number[] = [12, 48, 160, 512, 1024, 2720]

/** Those that Groth16 proves in seconds. */
export const GROTH16_WIDTHS: readonly number[] = WIDTHS.slice(0, 4)
