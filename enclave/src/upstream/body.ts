import { type Chat, EngineError, type Generation, type Message } from '../inference/languageEngine.ts'
import type { UpstreamModel } from './upstream.ts'

/** Engines that tell the tokens so far with each chunk where they are asked to; others may refuse what they do not know. */
const TELLS_ALWAYS = /^(vllm|sglang)\//i

/** The call that a generation is in OpenAI's API, and its body; always a stream with its usage. @throws EngineError */
export function callOf(
  engine: string,
  model: UpstreamModel,
  request: Generation,
): { path: string; body: unknown } {
  const { prompt, topLogprobs } = request
  const common = {
    model: model.name,
    ...samplingOf(request),
    stream: true,
    stream_options: {
      include_usage: true,
      ...(TELLS_ALWAYS.test(engine) && { continuous_usage_stats: true }),
    },
  }
  if ('messages' in prompt) {
    if (model.kind !== 'chat') throw new EngineError('unsupported-model', 'this model has no chat template')
    const probabilities = topLogprobs === undefined ? {} : { logprobs: true, top_logprobs: topLogprobs }
    const body = { ...common, messages: messagesOf(prompt), ...probabilities, ...schemaOf(request) }
    return { path: '/v1/chat/completions', body }
  }
  if (request.schema !== undefined)
    throw new EngineError('invalid-schema', 'this engine fits chats alone to a schema')
  const probabilities = topLogprobs === undefined ? {} : { logprobs: topLogprobs }
  return {
    path: '/v1/completions',
    body: { ...common, prompt: 'text' in prompt ? prompt.text : prompt.tokens, ...probabilities },
  }
}

function samplingOf({ maxTokens, sampling, stop }: Generation): object {
  return {
    max_tokens: maxTokens,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    seed: sampling.seed,
    ...(stop.length > 0 && { stop }),
  }
}

/** Tools are in the messages already: the facts of these models say that their template takes none. */
function messagesOf({ messages, tools }: Chat): Message[] {
  if (tools?.length)
    throw new EngineError('unsupported-model', 'tools are put into the messages for this engine')
  return messages
}

function schemaOf({ schema }: Generation): object {
  if (schema === undefined) return {}
  return { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } } }
}
