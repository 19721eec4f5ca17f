import { arrayOf, type Parser, textOf } from '@nacre/verify/shape'
import type { Logprob, Piece } from '../inference/languageEngine.ts'

/** What is read of a chunk of a stream; whatever else is in it is not passed on. */
export type Chunk = { tokens: Token[]; reason?: 'stop' | 'length'; usage?: Usage }
type Token = Extract<Piece, { type: 'token' }>
export type Usage = { prompt: number; completion: number }

const MAX_TOKENS = 65_536

/** @throws Error when it is no chunk of OpenAI's */
export function readChunk(data: unknown): Chunk {
  const { choices, usage, error } = fieldsOf(data, 'a chunk')
  if (error !== undefined) throw new Error('it failed in its answer')
  const [choice, ...others] = arrayOf(fieldsOf, 8)(choices ?? [], 'choices')
  if (others.length > 0) throw new Error('more than one choice in a chunk')
  const counted = usage === undefined || usage === null ? {} : { usage: usageOf(usage) }
  if (!choice) return { tokens: [], ...counted }
  const { delta, text, logprobs, finish_reason: reason } = choice
  const content = delta === undefined ? text : fieldsOf(delta, 'delta').content
  return { tokens: tokensOf(content, logprobs), ...reasonOf(reason), ...counted }
}

function reasonOf(reason: unknown): Pick<Chunk, 'reason'> {
  if (reason === undefined || reason === null) return {}
  if (reason === 'stop' || reason === 'length') return { reason }
  throw new Error('it ended for another reason than stop and length')
}

/** The text is whole in the first token: engines put several tokens into a chunk, and cut none of them. */
function tokensOf(content: unknown, logprobs: unknown): Token[] {
  const text = typeof content === 'string' ? content : ''
  const told = logprobs === undefined || logprobs === null ? [] : logprobsOf(fieldsOf(logprobs, 'logprobs'))
  if (told.length === 0) return text === '' ? [] : [{ type: 'token', text }]
  return told.map((token, i) => ({ type: 'token', text: i === 0 ? text : '', ...token }))
}

type Told = Required<Pick<Token, 'logprob' | 'top'>>

function logprobsOf({ content, tokens, token_logprobs: own, top_logprobs: tops }: Fields): Told[] {
  if (Array.isArray(content)) {
    return arrayOf(fieldsOf, MAX_TOKENS)(content, 'logprobs.content').map(token => ({
      logprob: logprobOf(token),
      top: arrayOf(fieldsOf, 20)(token.top_logprobs ?? [], 'top_logprobs').map(logprobOf),
    }))
  }
  const names = arrayOf(anyText, MAX_TOKENS)(tokens ?? [], 'logprobs.tokens')
  return names.map((token, i) => ({
    logprob: logprobOf({ token, logprob: (own as unknown[])?.[i] }),
    top: Object.entries((tops as Fields[] | undefined)?.[i] ?? {}).map(([name, logprob]) =>
      logprobOf({ token: name, logprob }),
    ),
  }))
}

function logprobOf({ token, logprob }: Fields): Logprob {
  const text = anyText(token, 'token')
  if (typeof logprob !== 'number' || Number.isNaN(logprob)) throw new Error('a logprob that is no number')
  return { token: text, bytes: [...Buffer.from(text)], logprob }
}

function usageOf(value: unknown): Usage {
  const { prompt_tokens: prompt, completion_tokens: completion = 0 } = fieldsOf(value, 'usage')
  return { prompt: countOf(prompt), completion: countOf(completion) }
}

/** Of tokens. @throws Error */
export function countOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31)
    return value as number
  throw new Error('a number of tokens that is none')
}

type Fields = Record<string, unknown>

function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new Error(`${path} is no object`)
}

const anyText: Parser<string> = (value, path) => (value === '' ? '' : textOf(4096)(value, path))
