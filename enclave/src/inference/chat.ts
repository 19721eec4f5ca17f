import { tellStream } from './answerStream.ts'
import { answerText, type Plan } from './answerText.ts'
import { tellWhole } from './answerWhole.ts'
import { type ChatFields, readChat } from './chatFields.ts'
import type { Reading } from './choiceText.ts'
import { samplingOf } from './commonFields.ts'
import { unsupported } from './fields.ts'
import type { Chat, Tool } from './languageEngine.ts'
import type { Model } from './modelStore.ts'
import type { Question } from './question.ts'
import { chatShape } from './shapes.ts'
import { withoutTools } from './toolPrompt.ts'
import { callSchema } from './toolSchema.ts'

/** POST /v1/chat/completions. @throws ApiError, EngineError before the first byte */
export async function answerChat(question: Question, body: unknown): Promise<void> {
  const fields = readChat(body)
  const model = question.context.models.get(fields.model)
  if (!model.facts.chat)
    throw unsupported('messages', `${model.id} has no chat template: ask it at /v1/completions`)
  await answerText(question, planOf(fields, model), fields.stream ? tellStream : tellWhole)
}

function planOf(fields: ChatFields, model: Model): Plan {
  const { n, stream, stream_options: options, stop, topLogprobs } = fields
  const tools = toolsOf(fields)
  const reading = readingOf(fields, tools)
  const schema = schemaOf(reading)
  const maxTokens = fields.max_tokens ?? model.facts.contextLength
  const prompt = chatOf(fields, tools, model)
  return {
    kind: 'chatcmpl',
    model,
    generations: Array.from({ length: n }, (_, index) => ({
      ...{ prompt, maxTokens, stop, sampling: samplingOf(fields, index) },
      ...(topLogprobs !== undefined && { topLogprobs }),
      ...(schema !== undefined && { schema }),
    })),
    perPrompt: n,
    reading,
    withTokens: topLogprobs !== undefined,
    shape: chatShape(topLogprobs !== undefined),
    stream,
    includeUsage: options?.include_usage ?? false,
    settings: { ...samplingOf(fields, 0), api: 'chat.completions', maxTokens, n },
  }
}

/** The tools that may be called. */
function toolsOf({ tools = [], tool_choice: choice = 'auto' }: ChatFields): Tool[] {
  if (choice === 'none') return []
  return typeof choice === 'object' ? tools.filter(({ name }) => name === choice.name) : tools
}

function readingOf({ schema, tool_choice: choice = 'auto' }: ChatFields, tools: Tool[]): Reading {
  if (tools.length > 0) return { as: 'call', tools, auto: choice === 'auto' }
  return schema === undefined ? { as: 'text' } : { as: 'json', schema }
}

/** A call that has to be is written under a grammar; one that may be is not, and is checked when it is there. */
function schemaOf(reading: Reading): unknown {
  if (reading.as === 'json') return reading.schema
  return reading.as === 'call' && !reading.auto ? callSchema(reading.tools) : undefined
}

function chatOf({ messages, tools = [] }: ChatFields, callable: Tool[], { facts }: Model): Chat {
  if (facts.tools) return { messages, ...(callable.length > 0 && { tools: callable }) }
  const speaksOfTools = tools.length > 0 || messages.some(({ role }) => role === 'tool')
  return speaksOfTools ? withoutTools(messages, callable) : { messages }
}
