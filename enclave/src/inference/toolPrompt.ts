import type { Chat, Message, Tool, ToolCall } from './languageEngine.ts'

/**
 * A chat for a model whose template knows no tools: they and how to call them are put before the first system message,
 * calls are what the model is asked to write, and results what a user says.
 */
export function withoutTools(messages: Message[], tools: Tool[]): Chat {
  const plain = messages.map(plainMessage)
  if (tools.length === 0) return { messages: plain }
  const [first, ...rest] = plain
  const instruction = instructionOf(tools)
  if (first?.role !== 'system') return { messages: [{ role: 'system', content: instruction }, ...plain] }
  return { messages: [{ role: 'system', content: `${instruction}\n\n${first.content}` }, ...rest] }
}

function instructionOf(tools: Tool[]): string {
  const list = tools.map(tool => JSON.stringify(tool)).join('\n')
  return `You can call these functions, each with its name and the JSON schema of its parameters:\n${list}\nTo call one, answer with this JSON alone, and nothing before it: {"name": <name>, "arguments": <object>}`
}

function plainMessage(message: Message): Message {
  if (message.role === 'tool')
    return { role: 'user', content: `Result of ${message.tool_call_id}: ${message.content}` }
  if (message.role !== 'assistant' || !message.tool_calls) return message
  const calls = message.tool_calls.map(callText).join('\n')
  return { role: 'assistant', content: message.content ? `${message.content}\n${calls}` : calls }
}

function callText({ function: { name, arguments: text } }: ToolCall): string {
  return JSON.stringify({ name, arguments: jsonOr(text) })
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
