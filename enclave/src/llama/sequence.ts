import {
  type Chat,
  EngineError,
  type Generation,
  type Message,
  type Piece,
  type Prompt,
} from '../inference/languageEngine.ts'
import type { Binding } from './binding.ts'
import { PREFILL_CHUNK } from './kernel.ts'
import type { Model } from './model.ts'
import { createOutput, type Output } from './output.ts'
import { createSampling, type Sampling } from './sampling.ts'
import { tooLong } from './vocabulary.ts'

/** One generation: its prompt, how far it is read, and what became of it. */
export class Sequence {
  readonly model: Model
  readonly emit: (piece: Piece) => void
  /** Its place in the model's context, while it runs. */
  slot = -1
  ended = false
  private readonly prompt: Uint32Array
  private readonly sampling: Sampling
  private readonly output: Output
  private readonly most: number
  private position = 0
  private completion = 0
  private last = -1

  /** @throws EngineError */
  constructor(binding: Binding, model: Model, request: Generation, emit: (piece: Piece) => void) {
    if (!model.generates)
      throw new EngineError('unsupported-model', 'this model writes no text: it is for embeddings')
    this.model = model
    this.emit = emit
    this.prompt = tokensOf(model, request.prompt)
    const { contextLength } = model.facts
    if (this.prompt.length >= contextLength) throw tooLong(contextLength, this.prompt.length)
    this.most = Math.min(request.maxTokens, contextLength - this.prompt.length)
    this.output = createOutput(request.stop)
    this.sampling = createSampling(binding, model, request)
  }

  /** Whether a part of the prompt is still to be read. */
  get reads(): boolean {
    return this.position < this.prompt.length
  }

  /** Puts what is next into the model's batch: a chunk of the prompt, or the last token. Its index, if a token follows. */
  add(): number | undefined {
    const { context } = this.model
    if (!this.reads)
      return context.addToBatch(this.slot, this.position++, Uint32Array.of(this.last), FIRST)[0]
    const chunk = this.prompt.subarray(this.position, this.position + PREFILL_CHUNK)
    const whole = this.position + chunk.length === this.prompt.length
    const logits = whole ? Uint32Array.of(chunk.length - 1) : NONE
    const [index] = context.addToBatch(this.slot, this.position, Uint32Array.from(chunk), logits)
    this.position += chunk.length
    return index
  }

  start(): void {
    this.emit({ type: 'start', promptTokens: this.prompt.length })
    if (this.most === 0) this.end('length')
  }

  /** Takes the next token from the logits at this index of the batch. */
  async sample(index: number): Promise<void> {
    if (this.ended) return
    const sampled = await this.sampling.next(index)
    if (this.ended) return
    if (!sampled || this.model.vocabulary.isEnd(sampled.id)) return this.end('stop')
    this.last = sampled.id
    this.completion++
    const { text, stopped } = this.output.add(this.model.vocabulary.bytesOf(sampled.id))
    this.emit({ type: 'token', text, ...sampled })
    if (stopped) this.end('stop')
    else if (this.completion === this.most) this.end('length')
  }

  /** Ends without a word, as after an error or when nobody listens. */
  leave(): void {
    this.ended = true
  }

  /** Frees what the library holds for it: once it has ended, and while nothing of it is in a step. */
  release(): void {
    this.sampling.dispose()
  }

  private end(reason: 'stop' | 'length'): void {
    this.emit({ type: 'end', text: this.output.end(), reason, completionTokens: this.completion })
    this.leave()
  }
}

const FIRST = Uint32Array.of(0)
const NONE = new Uint32Array(0)

/** @throws EngineError context-length-exceeded, invalid-prompt, unsupported-model */
export function tokensOf(model: Model, prompt: Prompt | Chat): Uint32Array {
  const { vocabulary, facts } = model
  const tokens =
    'tokens' in prompt
      ? checkedTokens(prompt.tokens, vocabulary.size)
      : vocabulary.tokensOf('text' in prompt ? prompt.text : rendered(model, prompt), facts.contextLength)
  if (tokens.length === 0) throw new EngineError('invalid-prompt', 'the prompt has no tokens')
  return tokens
}

/** A chat of more messages than tokens, or of too long ones, is not worth the template's time. */
function rendered({ template, vocabulary, facts: { contextLength } }: Model, chat: Chat): string {
  if (!template)
    throw new EngineError('unsupported-model', 'this model has no chat template: use completions')
  const bytes = textsOf(chat).reduce((total, text) => total + Buffer.byteLength(text), 0)
  if (chat.messages.length > contextLength || vocabulary.exceeds(bytes, contextLength))
    throw tooLong(contextLength)
  return template.render(chat)
}

/** What a template writes of a chat: what is said, calls, and tools. */
function textsOf({ messages, tools = [] }: Chat): string[] {
  const callsOf = (message: Message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : [])
  return [
    ...messages.map(({ content }) => content ?? ''),
    ...messages.flatMap(callsOf).map(call => call.function.arguments),
    ...tools.flatMap(({ description = '', parameters }) => [description, JSON.stringify(parameters)]),
  ]
}

function checkedTokens(tokens: number[], size: number): Uint32Array {
  const wrong = tokens.find(token => !Number.isInteger(token) || token < 0 || token >= size)
  if (wrong === undefined) return Uint32Array.from(tokens)
  throw new EngineError('invalid-prompt', `the model has no token ${wrong}: they are 0 to ${size - 1}`)
}
