import type { Hex } from '@nacre/verify'

/**
 * What the API asks of whatever runs language models: llama.cpp in a process of its own (../llama/), which has no keys.
 * Every call @throws EngineError.
 */
export type LanguageEngine = {
  /** Opens the GGUF file of an artifact whose digest was checked. Loads wait for each other. */
  load(artifact: Hex, file: string): Promise<ModelFacts>
  /** Whether this model, which was loaded, can be asked now. */
  has(artifact: Hex): boolean
  /** Tokens as they are made, then the end. Aborting the signal, or leaving the loop, stops the generation. */
  generate(artifact: Hex, request: Generation, signal: AbortSignal): AsyncIterable<Piece>
  /** One vector an input, as long as the model's are, of length 1. */
  embed(
    artifact: Hex,
    inputs: Prompt[],
    signal: AbortSignal,
  ): Promise<{ vectors: Float32Array[]; tokens: number }>
  /** Ends its process. */
  close(): void
}

export type ModelFacts = {
  /** Tokens that prompt and completion may have together: the least of the model's and the start options'. */
  contextLength: number
  /** Whether the model has a chat template. */
  chat: boolean
  /** Whether that template says which tools there are: its source reads the variable `tools`. */
  tools: boolean
  /** Length of its embeddings. */
  dimensions: number
}

/** Text as it is, or the model's tokens. */
export type Prompt = { text: string } | { tokens: number[] }

/** A chat in OpenAI's form, checked; it is rendered by the model's template. */
export type Chat = { messages: Message[]; tools?: Tool[] }

export type Message =
  | { role: 'system' | 'user'; content: string }
  | { role: 'assistant'; content: string | null; tool_calls?: ToolCall[] }
  | { role: 'tool'; content: string; tool_call_id: string }

export type Tool = { name: string; description?: string; parameters: unknown }
export type ToolCall = { id: string; type: 'function'; function: { name: string; arguments: string } }

export type Generation = {
  prompt: Prompt | Chat
  maxTokens: number
  sampling: Sampling
  /** Up to four; the output ends before the first that appears. */
  stop: string[]
  /** How many of the likeliest tokens to tell beside each that was taken; undefined for no probabilities. */
  topLogprobs?: number
  /** The output is JSON that fits this schema (a checked one: schema.ts). */
  schema?: unknown
}

/** Temperature 0 takes the likeliest token. `seed` is 32 bits: what llama.cpp's sampler takes. */
export type Sampling = {
  temperature: number
  topP: number
  frequencyPenalty: number
  presencePenalty: number
  seed: number
}

export type Logprob = { token: string; bytes: number[]; logprob: number }

export type Piece =
  /** Before the first token. 0 tokens where the engine counts them later: then once more, when it does. */
  | { type: 'start'; promptTokens: number }
  /** One token. `text` is what it adds, whole characters alone, and may be empty; text that may turn out to be a stop sequence is held back. */
  | { type: 'token'; id?: number; text: string; logprob?: Logprob; top?: Logprob[] }
  /** The last one, with text that was held back. */
  | {
      type: 'end'
      text: string
      reason: 'stop' | 'length'
      completionTokens: number
      /** Of an engine that did not tell them at the start. */
      promptTokens?: number
    }

/** Why the engine did not do it. */
export type EngineErrorCode =
  /** The prompt has more tokens than the context, or leaves none for the answer. */
  | 'context-length-exceeded'
  /** A token that the model does not have, or none at all. */
  | 'invalid-prompt'
  /** The engine opens no such model, or this model does not do this (no chat template, no embeddings). */
  | 'unsupported-model'
  /** The schema has no grammar. */
  | 'invalid-schema'
  /** So many wait already. */
  | 'queue-full'
  /** It failed or took too long, and was started again. */
  | 'engine-failed'

export class EngineError extends Error {
  readonly code: EngineErrorCode
  constructor(code: EngineErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
