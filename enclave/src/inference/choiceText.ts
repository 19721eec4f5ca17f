import { ApiError } from './apiErrors.ts'
import type { Tool } from './languageEngine.ts'
import { validate } from './schema.ts'

/** What a choice's text is read as. */
export type Reading =
  | { as: 'text' }
  /** JSON of this schema. */
  | { as: 'json'; schema: unknown }
  /** A call of one of these tools; with `auto` a text, unless it begins as a call does. */
  | { as: 'call'; tools: Tool[]; auto: boolean }

export type Call = { name: string; arguments: string }
export type Finish = 'stop' | 'length' | 'tool_calls'

/** Takes the text of one choice as it is made, and tells what of it is content. */
export type ChoiceText = {
  /** What may be sent now. */
  add(text: string): string
  /** What is left. @throws ApiError invalid_output */
  end(reason: 'stop' | 'length'): { content: string; call?: Call; finish: Finish }
}

export function createChoiceText(reading: Reading): ChoiceText {
  if (reading.as === 'call') return callText(reading)
  let whole = ''
  return {
    add(text) {
      if (reading.as === 'json') whole += text
      return text
    },
    end(reason) {
      // What was cut off by its limit is told by its reason, as OpenAI does.
      if (reading.as === 'json' && reason === 'stop') requireFit(reading.schema, whole)
      return { content: '', finish: reason }
    },
  }
}

/** Calls are kept until they are whole: one that does not fit is not sent in part. */
function callText({ tools, auto }: { tools: Tool[]; auto: boolean }): ChoiceText {
  let held = ''
  let isText = false
  return {
    add(text) {
      if (isText) return text
      held += text
      if (!auto || mayBeCall(held)) return ''
      isText = true
      return held
    },
    end(reason) {
      if (isText) return { content: '', finish: reason }
      const call = readCall(held, tools)
      if (typeof call === 'object') return { content: '', call, finish: 'tool_calls' }
      if (auto || reason === 'length') return { content: held, finish: reason }
      throw new ApiError('invalid_output', `the model's call does not fit: ${call}`)
    },
  }
}

/** How models begin a call: with the JSON itself, or what their templates put before it. */
const BEGINNINGS = ['{', '<tool_call>', '[TOOL_CALLS]', '<|python_tag|>']
const ENDS = ['</tool_call>']

/** Whether a text begins as a call, or is too short to tell. */
function mayBeCall(text: string): boolean {
  const begun = text.trimStart()
  return BEGINNINGS.some(beginning => begun.startsWith(beginning) || beginning.startsWith(begun))
}

/** The call that a text is, or why it is none. */
function readCall(text: string, tools: Tool[]): Call | string {
  const value = readJson(bare(text))
  const one = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (typeof one !== 'object' || one === null || Array.isArray(one)) return 'it is no JSON object'
  const { name, arguments: args = (one as { parameters?: unknown }).parameters } = one as Record<
    string,
    unknown
  >
  const tool = tools.find(known => known.name === name)
  if (!tool) return 'it names no tool of the request'
  const mismatch = validate(tool.parameters, args)
  return mismatch ?? { name: tool.name, arguments: JSON.stringify(args) }
}

function bare(text: string): string {
  let inner = text.trim()
  for (const beginning of BEGINNINGS.slice(1))
    if (inner.startsWith(beginning)) inner = inner.slice(beginning.length)
  for (const end of ENDS) if (inner.endsWith(end)) inner = inner.slice(0, -end.length)
  return inner
}

function requireFit(schema: unknown, text: string): void {
  const value = readJson(text)
  const mismatch = value === undefined ? 'it is not JSON' : validate(schema, value)
  if (mismatch === undefined) return
  throw new ApiError('invalid_output', `the model's output does not fit the schema: ${mismatch}`)
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
