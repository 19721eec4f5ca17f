import { sdkError } from '../errors.ts'

/** OpenAI's objects as JSON; use the official package where you want their types. */
export type Json = { readonly [field: string]: unknown }
type CallOptions = { signal?: AbortSignal }

/** One call: an object, or with `stream: true` its chunks as they come. */
export type Create = {
  (body: Json & { stream: true }, options?: CallOptions): Promise<AsyncIterable<Json>>
  (body: Json & { stream?: false | null }, options?: CallOptions): Promise<Json>
}

/** The calls of OpenAI's package that private inference has, without that package. */
export type OpenAiCalls = {
  chat: { completions: { create: Create } }
  completions: { create: Create }
  embeddings: { create: (body: Json, options?: CallOptions) => Promise<Json> }
  /** The other side's own words: pin what you use. */
  models: { list: (options?: CallOptions) => Promise<Json> }
}

/** @throws NacreError of each call: operator-error for a refusal, and what `answer` throws */
export function openAiCalls(url: string, answer: typeof fetch): OpenAiCalls {
  const post = async (path: string, body: Json, options: CallOptions = {}): Promise<Response> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, ...options }
    return orThrow(await answer(`${url}${path}`, { ...init, body: JSON.stringify(body) }))
  }
  const create = (path: string) =>
    (async (body: Json, options?: CallOptions) => {
      const response = await post(path, body, options)
      return body.stream === true ? chunksOf(response) : jsonOf(response)
    }) as Create
  return {
    chat: { completions: { create: create('/v1/chat/completions') } },
    completions: { create: create('/v1/completions') },
    embeddings: { create: async (body, options) => jsonOf(await post('/v1/embeddings', body, options)) },
    models: { list: async options => jsonOf(await orThrow(await answer(`${url}/v1/models`, options))) },
  }
}

/** Chunks without the receipt's own; the stream was verified when it ends. */
async function* chunksOf(response: Response): AsyncGenerator<Json, void, undefined> {
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  let held = ''
  try {
    for (;;) {
      const part = await reader?.read()
      if (part === undefined || part.done) return
      held += decoder.decode(part.value, { stream: true })
      const events = held.split('\n\n')
      held = events.pop() ?? ''
      for (const event of events) {
        const data = event.replace(/^data: /, '')
        if (data === '[DONE]') continue
        const chunk = JSON.parse(data)
        if (chunk.error) throw sdkError('operator-error', String(chunk.error.message).slice(0, 1000))
        if (!Object.hasOwn(chunk, 'nacre')) yield chunk
      }
    }
  } finally {
    await reader?.cancel().catch(() => {})
  }
}

async function orThrow(response: Response): Promise<Response> {
  if (response.ok) return response
  const { error } = (await jsonOf(response).catch(() => ({}))) as { error?: Json }
  const code = typeof error?.code === 'string' ? error.code.slice(0, 64) : `HTTP ${response.status}`
  const message = typeof error?.message === 'string' ? error.message.slice(0, 1000) : 'no reason given'
  throw sdkError('operator-error', `The call was refused (${code}): ${message}`)
}

async function jsonOf(response: Response): Promise<Json> {
  return (await response.json()) as Json
}
