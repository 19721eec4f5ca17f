import { sendWhole } from './answerWhole.ts'
import { apiErrorOf } from './apiErrors.ts'
import { type EmbeddingFields, readEmbedding } from './embeddingFields.ts'
import { unsupported, wrong } from './fields.ts'
import { EngineError } from './languageEngine.ts'
import { begin, type Question } from './question.ts'

/** POST /v1/embeddings. @throws ApiError, EngineError before the first byte */
export async function answerEmbedding(question: Question, body: unknown): Promise<void> {
  const fields = readEmbedding(body)
  const { context, outlet } = question
  const model = context.models.get(fields.model)
  const { dimensions } = model.facts
  if (fields.dimensions !== undefined && fields.dimensions !== dimensions)
    throw unsupported('dimensions', `${model.id} has ${dimensions} dimensions, and no fewer`)
  const { maxOutput } = context.config
  if (fields.input.length * dimensions * LEAST_BYTES > maxOutput) throw tooMany(maxOutput)
  // Nothing is drawn: the seed is zero, as of every engine that draws nothing.
  const opening = begin(question, 'embd', model, { api: 'embeddings', seed: 0 })
  const done = context.load.begin()
  let answered = false
  try {
    const { vectors, tokens } = await context.engine.embed(model.artifact, fields.input, outlet.gone)
    opening.use()
    const data = vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: told(vector, fields),
    }))
    const usage = { prompt_tokens: tokens, total_tokens: tokens }
    const answer = { id: opening.id, object: 'list', data, model: model.id, usage }
    if (Buffer.byteLength(JSON.stringify(answer)) > maxOutput) throw tooMany(maxOutput)
    await sendWhole(question, opening, answer, { prompt: tokens, completion: 0 })
    answered = true
  } catch (error) {
    throw error instanceof EngineError ? apiErrorOf(error, 'input') : error
  } finally {
    opening.end()
    done(answered)
  }
}

/** Of one number, in either form. */
const LEAST_BYTES = 2

/** Numbers, or base64 of them as float32, little-endian: what OpenAI's clients ask for. */
function told(vector: Float32Array, { encoding_format: format }: EmbeddingFields): number[] | string {
  if (format === 'float') return [...vector]
  const bytes = Buffer.alloc(4 * vector.length)
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, 4 * i)
  return bytes.toString('base64')
}

function tooMany(maxOutput: number): Error {
  return wrong('input', `the answer would have more than ${maxOutput} bytes: send fewer inputs`)
}
