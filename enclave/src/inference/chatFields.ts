import { integerOf, objectOf, oneOf, type Parser, textOf } from '@nacre/verify/shape'
import { apiErrorOf } from './apiErrors.ts'
import { COMMON_FIELDS, type CommonFields, checkCommon, tokenCount } from './commonFields.ts'
import {
  aBoolean,
  anyText,
  type Neutral,
  optional,
  readFields,
  required,
  type Taken,
  unsupported,
  withDefault,
  wrong,
} from './fields.ts'
import type { Message, Tool } from './languageEngine.ts'
import { parseMessages } from './messages.ts'
import { checkSchema } from './schema.ts'
import { parseToolChoice, parseTools, type ToolChoice } from './toolFields.ts'

/** Parameters of POST /v1/chat/completions, checked. `schema` is what the text has to fit. */
export type ChatFields = CommonFields & {
  messages: Message[]
  tools: Tool[] | undefined
  tool_choice: ToolChoice | undefined
  schema: unknown
  topLogprobs: number | undefined
}

type Format = { type: 'text' | 'json_object' | 'json_schema'; json_schema?: { schema?: unknown } }

type Given = CommonFields & {
  messages: Message[]
  tools: Tool[] | undefined
  tool_choice: ToolChoice | undefined
  response_format: Format | undefined
  logprobs: boolean
  top_logprobs: number | undefined
  max_completion_tokens: number | undefined
  parallel_tool_calls: boolean
  safety_identifier: string | undefined
  prompt_cache_key: string | undefined
}

type JsonSchema = { name: string }
type JsonSchemaOptions = { description: string; schema: unknown; strict: boolean | null }

const parseFormat: Parser<Format> = objectOf<Pick<Format, 'type'>, Required<Pick<Format, 'json_schema'>>>(
  { type: oneOf('text', 'json_object', 'json_schema') },
  {
    json_schema: objectOf<JsonSchema, JsonSchemaOptions>(
      { name: textOf(64) },
      {
        description: anyText,
        schema: value => value,
        strict: (value, path) => (value === null ? null : aBoolean(value, path)),
      },
    ),
  },
)

const TAKEN: Taken<Given> = {
  ...COMMON_FIELDS,
  messages: required(parseMessages),
  tools: optional(parseTools),
  tool_choice: optional(parseToolChoice),
  response_format: optional(parseFormat),
  logprobs: withDefault(aBoolean, false),
  top_logprobs: optional(integerOf(0, 20)),
  max_completion_tokens: optional(tokenCount),
  // One call at a time is what is made, either way.
  parallel_tool_calls: withDefault(aBoolean, true),
  // Of the client's bookkeeping, as user.
  safety_identifier: optional(textOf(512)),
  prompt_cache_key: optional(textOf(512)),
}

const NEUTRAL: Neutral = {
  audio: [],
  function_call: [],
  functions: [],
  logit_bias: [{}],
  metadata: [{}],
  modalities: [['text']],
  moderation: [],
  prediction: [],
  prompt_cache_options: [],
  prompt_cache_retention: [],
  reasoning_effort: [],
  service_tier: ['auto', 'default'],
  store: [false],
  verbosity: ['medium'],
  web_search_options: [],
}

/** @throws ApiError, EngineError invalid-schema */
export function readChat(body: unknown): ChatFields {
  const given = readFields(body, TAKEN, NEUTRAL)
  checkCommon(given)
  const { max_completion_tokens: most, max_tokens: older, logprobs, top_logprobs: top } = given
  if (most !== undefined && older !== undefined && most !== older)
    throw wrong('max_tokens', 'max_tokens and max_completion_tokens differ')
  if (top !== undefined && !logprobs) throw wrong('top_logprobs', 'top_logprobs needs logprobs: true')
  checkTools(given)
  return {
    ...given,
    max_tokens: most ?? older,
    schema: schemaOf(given.response_format),
    topLogprobs: logprobs ? (top ?? 0) : undefined,
  }
}

function checkTools({ tools, tool_choice: choice, response_format: format }: Given): void {
  if (choice !== undefined && choice !== 'none' && !tools)
    throw wrong('tool_choice', 'tool_choice needs tools')
  if (typeof choice === 'object' && !tools?.some(({ name }) => name === choice.name))
    throw wrong('tool_choice', `tool_choice names ${choice.name}, which is not in tools`)
  if (tools && choice !== 'none' && format && format.type !== 'text')
    throw unsupported(
      'response_format',
      'response_format beside tools is implemented for tool_choice none alone',
    )
}

function schemaOf(format: Format | undefined): unknown {
  if (format?.json_schema && format.type !== 'json_schema')
    throw wrong('response_format', 'response_format.json_schema is for the type json_schema')
  if (!format || format.type === 'text') return undefined
  if (format.type === 'json_object') return { type: 'object' }
  if (!format.json_schema) throw wrong('response_format', 'response_format.json_schema is missing')
  const schema = format.json_schema.schema ?? {}
  try {
    checkSchema(schema)
  } catch (error) {
    throw apiErrorOf(error, 'response_format')
  }
  return schema
}
