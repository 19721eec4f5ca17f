/** One choice of an answer, as far as it was sent. */
export type Choice = {
  index: number
  /** What was written: content, and calls of tools as name and arguments. */
  text: string
  /** Its tokens, where the answer tells them. */
  tokens: string[]
  /** Whether it was sent to its end. */
  finished: boolean
}

type Parts = {
  text?: string | null
  message?: Message
  delta?: Message
  logprobs?: { content?: { token: string }[] | null; tokens?: string[] } | null
  finish_reason?: string | null
  index: number
}
type Message = {
  content?: string | null
  tool_calls?: { function?: { name?: string; arguments?: string } }[]
}

/** The choices of an answer's bytes: a body, or a stream's events. @throws SyntaxError */
export function choicesOf(output: string): Choice[] {
  const choices = new Map<number, Choice>()
  for (const chunk of chunksOf(output)) {
    for (const parts of chunk.choices ?? []) {
      const { index } = parts
      const choice = choices.get(index) ?? { index, text: '', tokens: [], finished: false }
      choice.text += textOf(parts)
      choice.tokens.push(...tokensOf(parts))
      choice.finished ||= typeof parts.finish_reason === 'string'
      choices.set(index, choice)
    }
  }
  return [...choices.values()].sort((a, b) => a.index - b.index)
}

/** The vectors of an answer of embeddings. @throws SyntaxError */
export function vectorsOf(output: string): unknown[] {
  const { data } = JSON.parse(output) as { data: { embedding: unknown }[] }
  return data.map(({ embedding }) => embedding)
}

function chunksOf(output: string): { choices?: Parts[] }[] {
  if (!output.startsWith('data: ')) return output === '' ? [] : [JSON.parse(output)]
  const events = output.split('\n\n').filter(event => event.startsWith('data: {'))
  return events.map(event => JSON.parse(event.slice('data: '.length)))
}

function textOf({ text, message, delta }: Parts): string {
  const { content, tool_calls: calls = [] } = message ?? delta ?? {}
  const called = calls.map(call => `${call.function?.name ?? ''}${call.function?.arguments ?? ''}`)
  return (text ?? '') + (content ?? '') + called.join('')
}

function tokensOf({ logprobs }: Parts): string[] {
  return logprobs?.content?.map(({ token }) => token) ?? logprobs?.tokens ?? []
}
