import { EngineError, type Prompt } from '../inference/languageEngine.ts'
import { EMBEDDING_BATCH } from './kernel.ts'
import type { Model } from './model.ts'
import { tokensOf } from './sequence.ts'
import { tooLong } from './vocabulary.ts'

export type Embedding = { vector: Float32Array; tokens: number }

/** One text's vector, of length 1. @throws EngineError, Error of the library */
export async function embed(model: Model, input: Prompt): Promise<Embedding> {
  const tokens = withEnd(model, tokensOf(model, input), 'text' in input)
  const most = Math.min(model.facts.contextLength, EMBEDDING_BATCH)
  if (tokens.length > most) throw tooLong(most, tokens.length)
  const context = await model.embedding()
  context.removeTokenCellsFromSequence(0, -1, -1)
  context.initBatch(tokens.length)
  context.addToBatch(0, 0, tokens, Uint32Array.of(tokens.length - 1))
  await context.decodeBatch()
  return { vector: normalised(context.getEmbedding(tokens.length)), tokens: tokens.length }
}

/** Models for embeddings are trained on texts with a token that ends them. */
function withEnd({ addon }: Model, tokens: Uint32Array, isText: boolean): Uint32Array {
  if (!isText || !addon.shouldAppendEosToken()) return tokens
  const end = [addon.sepToken(), addon.tokenEos()].find(token => token >= 0)
  if (end === undefined || tokens.at(-1) === end) return tokens
  const all = new Uint32Array(tokens.length + 1)
  all.set(tokens)
  all[tokens.length] = end
  return all
}

function normalised(values: Float64Array): Float32Array {
  const length = Math.hypot(...values)
  if (!Number.isFinite(length) || length === 0)
    throw new EngineError('engine-failed', 'the model makes no finite embedding of this')
  return Float32Array.from(values, value => value / length)
}
