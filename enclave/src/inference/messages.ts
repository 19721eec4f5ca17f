import { NacreError } from '@nacre/verify'
import { arrayOf, objectOf, oneOf, type Parser, textOf } from '@nacre/verify/shape'
import { anyText, unsupported, wrong } from './fields.ts'
import type { Message, ToolCall } from './languageEngine.ts'

const MAX_MESSAGES = 4096
const MAX_PARTS = 1024
export const MAX_TOOLS = 128

const parseTextPart = objectOf<{ type: 'text'; text: string }>({ type: oneOf('text'), text: anyText })

const parsePart: Parser<string> = (value, path) => {
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  if (typeof type === 'string' && type !== 'text')
    throw unsupported('messages', `${path}: parts of type ${type.slice(0, 64)} are not implemented, text is`)
  return parseTextPart(value, path).text
}

/** A text, or its parts one after the other. */
const parseContent: Parser<string> = (value, path) =>
  Array.isArray(value) ? arrayOf(parsePart, MAX_PARTS)(value, path).join('') : anyText(value, path)

export const parseToolName: Parser<string> = (value, path) => {
  const name = textOf(64)(value, path)
  if (/^[A-Za-z0-9_-]+$/.test(name)) return name
  throw new NacreError('wrong-type', `${path} must be of A-Za-z0-9_-`)
}

const parseToolCall: Parser<ToolCall> = objectOf<ToolCall>({
  id: textOf(128),
  type: oneOf('function'),
  function: objectOf<ToolCall['function']>({ name: parseToolName, arguments: anyText }),
})

/** What answers have and requests may repeat, where it says nothing. */
const nothing: Parser<undefined> = (value, path) => {
  if (value === null || (Array.isArray(value) && value.length === 0)) return undefined
  throw unsupported('messages', `${path} is not implemented`)
}

type Unused = {
  name: undefined
  refusal: undefined
  audio: undefined
  function_call: undefined
  annotations: undefined
}
const unused = {
  name: nothing,
  refusal: nothing,
  audio: nothing,
  function_call: nothing,
  annotations: nothing,
}

type Instruction = { role: 'system' | 'developer' | 'user'; content: string }
const parseInstruction = objectOf<Instruction, { name: undefined }>(
  { role: oneOf('system', 'developer', 'user'), content: parseContent },
  { name: nothing },
)

type Said = { content: string | null; tool_calls: ToolCall[] | null }
const parseSaid = objectOf<{ role: 'assistant' }, Said & Unused>(
  { role: oneOf('assistant') },
  {
    ...unused,
    content: (value, path) => (value === null ? null : parseContent(value, path)),
    tool_calls: (value, path) => (value === null ? null : arrayOf(parseToolCall, MAX_TOOLS)(value, path)),
  },
)

const parseTool = objectOf<{ role: 'tool'; content: string; tool_call_id: string }>({
  role: oneOf('tool'),
  content: parseContent,
  tool_call_id: textOf(128),
})

const parseMessage: Parser<Message> = (value, path) => {
  const role = typeof value === 'object' && value !== null ? (value as { role?: unknown }).role : undefined
  if (role === 'assistant') return assistantOf(value, path)
  if (role === 'tool') return parseTool(value, path)
  if (role === 'function')
    throw unsupported('messages', `${path}: the role function is not implemented, tool is`)
  const { role: own, content } = parseInstruction(value, path)
  return { role: own === 'developer' ? 'system' : own, content }
}

function assistantOf(value: unknown, path: string): Message {
  const { content = null, tool_calls: calls } = parseSaid(value, path)
  if (content === null && !calls?.length)
    throw wrong('messages', `${path} has neither content nor tool_calls`)
  return { role: 'assistant', content, ...(calls?.length && { tool_calls: calls }) }
}

/** Messages of a chat in OpenAI's form. */
export const parseMessages: Parser<Message[]> = (value, path) => {
  const messages = arrayOf(parseMessage, MAX_MESSAGES)(value, path)
  if (messages.length === 0) throw wrong(path, `${path} is empty`)
  return messages
}
