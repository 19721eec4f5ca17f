import type { Delta, Token } from './choices.ts'
import type { Logprob } from './languageEngine.ts'

/** How answers of one call look (OpenAI's API reference). */
export type Shape = {
  object: { whole: string; chunk: string }
  /** A choice of a stream's chunk. `isFirst`: of this choice; `offset`: characters that it has said before. */
  chunk(delta: Delta, place: { isFirst: boolean; offset: number; callId: string }): unknown
  /** A choice that is whole. */
  whole(choice: Delta, callId: string): unknown
}

/** @param withTokens whether probabilities were asked for */
export function chatShape(withTokens: boolean): Shape {
  const logprobs = (tokens: Token[]) =>
    withTokens && tokens.length > 0 ? { content: tokens.map(entryOf), refusal: null } : null
  return {
    object: { whole: 'chat.completion', chunk: 'chat.completion.chunk' },
    chunk: ({ index, content, call, finish, tokens }, { isFirst, callId }) => ({
      index,
      delta: {
        ...(isFirst && { role: 'assistant', content: call ? null : '', refusal: null }),
        ...(content !== '' && { content }),
        ...(call && { tool_calls: [{ index: 0, id: callId, type: 'function', function: call }] }),
      },
      logprobs: logprobs(tokens),
      finish_reason: finish ?? null,
    }),
    whole: ({ index, content, call, finish, tokens }, callId) => ({
      index,
      message: {
        role: 'assistant',
        content: call ? null : content,
        refusal: null,
        ...(call && { tool_calls: [{ id: callId, type: 'function', function: call }] }),
      },
      logprobs: logprobs(tokens),
      finish_reason: finish ?? null,
    }),
  }
}

export function completionShape(withTokens: boolean): Shape {
  return {
    object: { whole: 'text_completion', chunk: 'text_completion' },
    chunk: ({ index, content, finish, tokens }, { offset }) => ({
      index,
      text: content,
      logprobs: withTokens ? listsOf(tokens, offset) : null,
      finish_reason: finish ?? null,
    }),
    whole: ({ index, content, finish, tokens }) => ({
      index,
      text: content,
      logprobs: withTokens ? listsOf(tokens, 0) : null,
      finish_reason: finish ?? null,
    }),
  }
}

/** What a token was taken for certain has no finite logarithm elsewhere: OpenAI has this number for it. */
const LEAST = -9999

function entryOf({ logprob, top = [], text }: Token): unknown {
  const own = logprob ?? { token: text, bytes: [...Buffer.from(text)], logprob: LEAST }
  return { ...finite(own), top_logprobs: top.map(finite) }
}

function listsOf(tokens: Token[], offset: number): unknown {
  let at = offset
  const offsets = tokens.map(({ text }) => {
    const own = at
    at += text.length
    return own
  })
  return {
    tokens: tokens.map(({ logprob, text }) => logprob?.token ?? text),
    token_logprobs: tokens.map(({ logprob }) => (logprob ? finite(logprob).logprob : LEAST)),
    top_logprobs: tokens.map(({ top = [] }) =>
      Object.fromEntries(top.map(one => [one.token, finite(one).logprob])),
    ),
    text_offset: offsets,
  }
}

function finite({ token, bytes, logprob }: Logprob): Logprob {
  return { token, bytes, logprob: Math.max(logprob, LEAST) }
}
