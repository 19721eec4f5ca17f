import { integerOf, oneOf, textOf } from '@nacre/verify/shape'
import { MAX_ID } from './commonFields.ts'
import { promptsOf } from './completionFields.ts'
import { type Neutral, optional, readFields, required, type Taken, withDefault } from './fields.ts'
import type { Prompt } from './languageEngine.ts'

/** Parameters of POST /v1/embeddings, checked. */
export type EmbeddingFields = {
  model: string
  input: Prompt[]
  encoding_format: 'float' | 'base64'
  dimensions: number | undefined
  user: string | undefined
}

const MAX_INPUTS = 2048

const TAKEN: Taken<EmbeddingFields> = {
  model: required(textOf(MAX_ID)),
  input: required(promptsOf(MAX_INPUTS)),
  encoding_format: withDefault(oneOf('float', 'base64'), 'float'),
  dimensions: optional(integerOf(1, 2 ** 20)),
  user: optional(textOf(512)),
}

const NEUTRAL: Neutral = {}

/** @throws ApiError */
export function readEmbedding(body: unknown): EmbeddingFields {
  return readFields(body, TAKEN, NEUTRAL)
}
