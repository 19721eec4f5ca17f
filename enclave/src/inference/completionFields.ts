import { arrayOf, integerOf, type Parser } from '@nacre/verify/shape'
import { COMMON_FIELDS, type CommonFields, checkCommon, MAX_CHOICES } from './commonFields.ts'
import { anyText, aToken, type Neutral, optional, readFields, required, type Taken, wrong } from './fields.ts'
import type { Prompt } from './languageEngine.ts'

/** Parameters of POST /v1/completions, checked. */
export type CompletionFields = CommonFields & { prompt: Prompt[]; logprobs: number | undefined }

const MAX_TOKENS = 2 ** 20

/** What OpenAI's older API takes where nothing is said. */
const DEFAULT_TOKENS = 16

/** One or several texts, or lists of tokens, at most so many. */
export function promptsOf(max: number): Parser<Prompt[]> {
  return (value, path) => {
    const prompts = readPrompts(value, path, max)
    if (prompts.length === 0) throw wrong(path, `${path} is empty`)
    return prompts
  }
}

function readPrompts(value: unknown, path: string, max: number): Prompt[] {
  if (!Array.isArray(value)) return [{ text: anyText(value, path) }]
  if (typeof value[0] === 'number') return [{ tokens: arrayOf(aToken, MAX_TOKENS)(value, path) }]
  return arrayOf<Prompt>(
    (item, at) =>
      Array.isArray(item) ? { tokens: arrayOf(aToken, MAX_TOKENS)(item, at) } : { text: anyText(item, at) },
    max,
  )(value, path)
}

const TAKEN: Taken<CompletionFields> = {
  ...COMMON_FIELDS,
  prompt: required(promptsOf(MAX_CHOICES)),
  logprobs: optional(integerOf(0, 5)),
}

const NEUTRAL: Neutral = { best_of: [1], echo: [false], logit_bias: [{}], suffix: [] }

/** @throws ApiError */
export function readCompletion(body: unknown): CompletionFields {
  const given = readFields(body, TAKEN, NEUTRAL)
  checkCommon(given)
  const choices = given.prompt.length * given.n
  if (choices > MAX_CHOICES)
    throw wrong('n', `${given.prompt.length} prompts × n are ${choices} choices, at most ${MAX_CHOICES}`)
  return { ...given, max_tokens: given.max_tokens ?? DEFAULT_TOKENS }
}
