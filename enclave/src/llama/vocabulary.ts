import { EngineError } from '../inference/languageEngine.ts'
import type { AddonModel } from './binding.ts'
import type { GgufHead } from './gguf.ts'

/** Text to tokens and back, in bytes: one token may be a part of a character. */
export type Vocabulary = {
  size: number
  /** With the token that begins a text, where the model wants one. @throws EngineError context-length-exceeded */
  tokensOf(text: string, contextLength: number): Uint32Array
  /** Whether so many bytes are more tokens than that, whichever they are: it is known before they are split. */
  exceeds(bytes: number, contextLength: number): boolean
  /** What a token adds to the output: nothing for those that control. */
  bytesOf(token: number): Uint8Array
  /** As people read it, control tokens too. */
  nameOf(token: number): string
  isEnd(token: number): boolean
}

/** llama.cpp's kinds of vocabulary and attributes of tokens (llama.h). */
const BPE = 2
const OF_SPACES = [1, 3, 4]
/** Of BPE that writes spaces as SentencePiece does, as in llama.cpp's list. */
const SPACED_BPE = ['gemma4', 'granite-embed-multi-311m', 'sarvam-moe']
const UNKNOWN_OR_CONTROL = 0b1001
const USER_DEFINED = 0b1_0000
const BYTE = 0b10_0000

const NOTHING = new Uint8Array(0)
const utf8 = new TextEncoder()

/** @throws Error for a kind whose tokens have no bytes here */
export function createVocabulary(model: AddonModel, head: GgufHead): Vocabulary {
  const kind = model.getVocabularyType()
  if (kind !== BPE && !OF_SPACES.includes(kind)) throw new Error(`vocabulary of kind ${kind}`)
  const spaces = kind !== BPE || SPACED_BPE.includes(String(head.values.get('tokenizer.ggml.pre')))
  const size = head.vocabulary.tokens
  const bytesOf = (token: number): Uint8Array => {
    const attributes = model.getTokenAttributes(token)
    if (attributes & UNKNOWN_OR_CONTROL) return NOTHING
    const text = model.getTokenString(token)
    if (attributes & USER_DEFINED) return utf8.encode(text)
    if (attributes & BYTE) return byteNamed(text)
    return spaces ? utf8.encode(text.replaceAll('▁', ' ')) : bytesOfAlphabet(text)
  }
  const exceeds = (bytes: number, contextLength: number) =>
    bytes > contextLength * Math.max(head.vocabulary.longest, 1)
  return {
    size,
    exceeds,
    bytesOf,
    isEnd: token => model.isEogToken(token),
    nameOf: token => Buffer.from(bytesOf(token)).toString('utf8') || model.getTokenString(token),
    tokensOf(text, contextLength) {
      // A text of many megabytes would take the splitter minutes.
      if (exceeds(Buffer.byteLength(text), contextLength)) throw tooLong(contextLength)
      const begins = model.shouldPrependBosToken() || text === ''
      const start = begins ? model.tokenBos() : -1
      const tokens = model.tokenize(text, true)
      if (start < 0 || tokens[0] === start) return tokens
      const all = new Uint32Array(tokens.length + 1)
      all[0] = start
      all.set(tokens, 1)
      return all
    },
  }
}

export function tooLong(contextLength: number, tokens?: number): EngineError {
  const found = tokens === undefined ? 'more tokens than that' : `${tokens} tokens`
  return new EngineError(
    'context-length-exceeded',
    `the model's context has ${contextLength} tokens, of which one is for the answer; the prompt has ${found}`,
  )
}

/** `<0x0A>` */
function byteNamed(text: string): Uint8Array {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(text)?.[1]
  return hex === undefined ? utf8.encode(text) : Uint8Array.of(Number.parseInt(hex, 16))
}

/** GPT-2 writes each byte as a character that can be seen: those that can are themselves, the others from U+0100 on. */
const ALPHABET: Map<string, number> = (() => {
  const seen = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let next = 256
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(seen(byte) ? byte : next++), byte]),
  )
})()

function bytesOfAlphabet(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const byte = ALPHABET.get(character)
    if (byte === undefined) bytes.push(...utf8.encode(character))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}
