import { messageOf } from '@nacre/verify'
import { type Chat, EngineError, type Message, type Tool } from '../inference/languageEngine.ts'
import type { Binding } from './binding.ts'

/** Renders a chat as the model was trained to read it. */
export type Template = { render(chat: Chat): string }

/** Longest template, characters. Those of models have up to 20,000. */
const MAX_TEMPLATE = 200_000

/**
 * The Jinja template of a model's file, run by llama.cpp's interpreter. It may loop for ever, which ends the process
 * as any step that takes too long does.
 * @throws Error when it is no template
 */
export function createTemplate(
  binding: Binding,
  source: string,
  tokens: { bos: string; eos: string },
): Template {
  if (source.length > MAX_TEMPLATE) throw new Error(`a chat template of ${source.length} characters`)
  const renderer = new binding.AddonJinjaRenderer(withoutClock(source))
  return {
    render(chat) {
      try {
        return renderer.render({
          messages: chat.messages.map(messageFor),
          ...(chat.tools?.length ? { tools: chat.tools.map(toolFor) } : {}),
          add_generation_prompt: true,
          bos_token: tokens.bos,
          eos_token: tokens.eos,
        })
      } catch (cause) {
        const reason = messageOf(cause).slice(0, 200)
        throw new EngineError(
          'unsupported-model',
          `the model's chat template refuses these messages: ${reason}`,
        )
      }
    },
  }
}

/**
 * Templates may write the day's date, by a clock that is the host's and in no receipt: what is signed would depend on it.
 * Here there is none: one that asks whether there is takes its own date, any other gets an empty text.
 */
function withoutClock(source: string): string {
  if (!source.includes(CLOCK)) return source
  if (/\bstrftime_now\s+is\s+(not\s+)?defined\b/.test(source)) return source.replaceAll(CLOCK, 'no_clock')
  return `{% macro ${CLOCK}(format) %}{% endmacro %}${source}`
}

const CLOCK = 'strftime_now'

function messageFor(message: Message): Record<string, unknown> {
  if (message.role !== 'assistant') return message
  const { role, content, tool_calls: calls } = message
  return { role, content: content ?? '', ...(calls?.length ? { tool_calls: calls.map(callFor) } : {}) }
}

/** Templates read the arguments as an object. */
function callFor(call: NonNullable<(Message & { role: 'assistant' })['tool_calls']>[number]): unknown {
  const { name, arguments: text } = call.function
  return { id: call.id, type: call.type, function: { name, arguments: objectIn(text) } }
}

function objectIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function toolFor({ name, description = '', parameters }: Tool): unknown {
  return { type: 'function', function: { name, description, parameters } }
}
