import type { Tensor } from '@nacre/verify'
import { batchOf, loadIndex, type ModelName, modelPath } from '../models/samples.ts'

/** One benchmark: a model on `rows` real inputs in one request. */
export type Case = {
  name: string
  model: ModelName
  title: string
  rows: number
  artifact: `0x${string}`
  path: string
  input: Tensor
  /** The article's time for its TEE, on its own machines, seconds. */
  article: number
}

export const CASES: Case[] = [
  benchCase('ols', 'iris-ols', 1, 0.047),
  benchCase('network', 'iris-mlp', 500, 0.045),
  benchCase('lenet', 'lenet5', 1, 0.056),
]

function benchCase(name: string, model: ModelName, rows: number, article: number): Case {
  const { title, sha256 } = loadIndex().find(entry => entry.name === model)!
  return {
    name,
    model,
    title,
    rows,
    artifact: sha256,
    path: modelPath(model),
    input: batchOf(model, rows),
    article,
  }
}
