import { randomBytes } from 'node:crypto'
import { arrayOf, integerOf, objectOf, type Parser, textOf } from '@nacre/verify/shape'
import { aBoolean, numberOf, optional, required, type Taken, withDefault, wrong } from './fields.ts'
import type { Sampling } from './languageEngine.ts'

/** Parameters that chats and completions share. */
export type CommonFields = {
  model: string
  n: number
  temperature: number
  top_p: number
  frequency_penalty: number
  presence_penalty: number
  seed: number
  stop: string[]
  stream: boolean
  stream_options: StreamOptions | undefined
  max_tokens: number | undefined
  user: string | undefined
}

export type StreamOptions = { include_usage?: boolean; include_obfuscation?: boolean }

/** Choices of one request, and sequences that end its text. */
export const MAX_CHOICES = 8
const MAX_STOPS = 4
const MAX_STOP = 256
export const MAX_ID = 128

const parseStop: Parser<string[]> = (value, path) =>
  typeof value === 'string'
    ? [textOf(MAX_STOP)(value, path)]
    : arrayOf(textOf(MAX_STOP), MAX_STOPS)(value, path)

const parseStreamOptions: Parser<StreamOptions> = (value, path) => {
  const options = objectOf<object, Required<StreamOptions>>(
    {},
    { include_usage: aBoolean, include_obfuscation: aBoolean },
  )(value, path) as StreamOptions
  if (options.include_obfuscation)
    throw wrong(
      path,
      'include_obfuscation is not implemented: seal the request, and nobody reads lengths of words',
    )
  return options
}

/** A count of tokens: more than any context has is as good as the context. */
export const tokenCount: Parser<number> = integerOf(1, 2 ** 31 - 1)

/** 32 bits, drawn where the request has none: the receipt tells it. */
const parseSeed: Parser<number> = (value, path) =>
  value === undefined ? randomBytes(4).readUInt32LE() : integerOf(0, 2 ** 32 - 1)(value, path)

export const COMMON_FIELDS: Taken<CommonFields> = {
  model: required(textOf(MAX_ID)),
  n: withDefault(integerOf(1, MAX_CHOICES), 1),
  temperature: withDefault(numberOf(0, 2), 1),
  top_p: withDefault(numberOf(0, 1), 1),
  frequency_penalty: withDefault(numberOf(-2, 2), 0),
  presence_penalty: withDefault(numberOf(-2, 2), 0),
  seed: parseSeed,
  stop: withDefault(parseStop, []),
  stream: withDefault(aBoolean, false),
  stream_options: optional(parseStreamOptions),
  max_tokens: optional(tokenCount),
  // Who asks is the client's own business: it changes nothing.
  user: optional(textOf(512)),
}

/** @throws ApiError invalid_value */
export function checkCommon({ stream, stream_options: options }: CommonFields): void {
  if (options && !stream) throw wrong('stream_options', 'stream_options is for streams: set stream to true')
}

/** Of each choice of a request: the first has the seed itself, the others one that follows from it. */
export function samplingOf(fields: CommonFields, index: number): Sampling {
  return {
    temperature: fields.temperature,
    topP: fields.top_p,
    frequencyPenalty: fields.frequency_penalty,
    presencePenalty: fields.presence_penalty,
    seed: seedOf(fields.seed, index),
  }
}

/** Odd, so that different choices have different seeds: the golden ratio's digits (Knuth, TAOCP 3, 6.4). */
const SEED_STEP = 0x9e3779b1

/** docs/inference.md, Several choices. */
export function seedOf(seed: number, index: number): number {
  return (seed + Math.imul(index, SEED_STEP)) >>> 0
}
