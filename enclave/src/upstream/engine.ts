import { type Hex, messageOf } from '@nacre/verify'
import { EngineError, type Generation, type LanguageEngine, type Piece } from '../inference/languageEngine.ts'
import { callOf } from './body.ts'
import { callUpstream, failed, readAll } from './call.ts'
import { dataOf } from './events.ts'
import { countOf, readChunk, type Usage } from './pieces.ts'
import type { Upstream, UpstreamModel } from './upstream.ts'

const MAX_VECTORS = 64 * 2 ** 20

/**
 * The engine of a description, asked by OpenAI's own API. It has its models already: none is loaded into it. It queues by
 * itself; no more than `most` calls are open at a time.
 */
export function createUpstreamEngine({ address, engine, models }: Upstream, most: number): LanguageEngine {
  let open = 0
  const enter = () => {
    if (open >= most) throw new EngineError('queue-full', `${most} requests are open already`)
    open++
  }
  const modelOf = (artifact: Hex): UpstreamModel => {
    const model = models.find(one => one.artifact === artifact)
    if (model) return model
    throw new EngineError('unsupported-model', 'the engine has no such model')
  }
  return {
    async load(artifact) {
      const { contextLength, kind, dimensions } = modelOf(artifact)
      return { contextLength, chat: kind === 'chat', tools: false, dimensions }
    },
    has: artifact => models.some(one => one.artifact === artifact),
    async *generate(artifact, request, signal) {
      const model = modelOf(artifact)
      const { path, body } = callOf(engine, model, request)
      enter()
      // Of its own, so that leaving the loop ends the call as well.
      const left = new AbortController()
      try {
        const response = await callUpstream(address, path, body, AbortSignal.any([signal, left.signal]))
        yield* piecesOf(response, request, model)
      } catch (cause) {
        signal.throwIfAborted()
        throw cause instanceof EngineError ? cause : failed(messageOf(cause), cause)
      } finally {
        left.abort()
        open--
      }
    },
    async embed(artifact, inputs, signal) {
      const model = modelOf(artifact)
      if (model.dimensions === 0) throw new EngineError('unsupported-model', 'this model makes no embeddings')
      const input = inputs.map(one => ('text' in one ? one.text : one.tokens))
      const body = { model: model.name, input, encoding_format: 'float' }
      enter()
      try {
        const response = await callUpstream(address, '/v1/embeddings', body, signal)
        return readVectors(await readAll(response, MAX_VECTORS), inputs.length, model)
      } catch (cause) {
        signal.throwIfAborted()
        throw cause instanceof EngineError ? cause : failed(messageOf(cause), cause)
      } finally {
        open--
      }
    },
    close() {},
  }
}

/** Tokens as they come; how many the prompt had, such an engine says at the end, or with each chunk. */
async function* piecesOf(
  body: AsyncIterable<Uint8Array>,
  { maxTokens }: Generation,
  { contextLength }: UpstreamModel,
): AsyncGenerator<Piece> {
  let reason: 'stop' | 'length' | undefined
  let usage: Usage | undefined
  let tokens = 0
  yield { type: 'start', promptTokens: 0 }
  for await (const data of dataOf(body)) {
    const chunk = readChunk(data)
    tokens += chunk.tokens.length
    if (tokens > maxTokens) throw new Error(`more than the ${maxTokens} tokens asked for`)
    if (chunk.usage) {
      requireFewer(chunk.usage, maxTokens, contextLength)
      // Said before its end: a client that leaves pays for it.
      if (!usage) yield { type: 'start', promptTokens: chunk.usage.prompt }
      usage = chunk.usage
    }
    yield* chunk.tokens
    reason = chunk.reason ?? reason
  }
  if (!reason || !usage) throw new Error('its stream ended without a reason or its usage')
  yield { type: 'end', text: '', reason, promptTokens: usage.prompt, completionTokens: usage.completion }
}

function requireFewer({ prompt, completion }: Usage, maxTokens: number, contextLength: number): void {
  if (completion > maxTokens) throw new Error('it counts more tokens than were asked for')
  if (prompt + completion > contextLength) throw new Error('it counts more tokens than a context has')
}

function readVectors(
  bytes: Buffer,
  expected: number,
  { contextLength, dimensions }: UpstreamModel,
): { vectors: Float32Array[]; tokens: number } {
  const { data, usage } = JSON.parse(bytes.toString('utf8'))
  const rows = [...data].sort((a, b) => a.index - b.index).map(row => Float32Array.from(row.embedding))
  const fits = rows.every(row => row.length === dimensions && row.every(Number.isFinite))
  if (rows.length !== expected || !fits) throw new Error('other vectors than were asked for')
  const tokens = countOf(usage.prompt_tokens)
  if (tokens > expected * contextLength) throw new Error('it counts more tokens than its inputs can have')
  return { vectors: rows.map(unit), tokens }
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector) || 1
  return vector.map(value => value / length)
}
