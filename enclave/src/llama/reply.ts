import type { Logprob, Piece } from '../inference/languageEngine.ts'
import type { Reply } from './protocol.ts'

/** Longest text of one reply, bytes of one token, entries of a list. */
const MAX_TEXT = 65_536
const MAX_TOP = 20
const MAX_VECTORS = 2048
const MAX_DIMENSIONS = 65_536

const CODES = [
  'context-length-exceeded',
  'invalid-prompt',
  'unsupported-model',
  'invalid-schema',
  'queue-full',
  'engine-failed',
]

/**
 * What the engine's process sent, if it is a reply: a model that took the process over must not reach further by what
 * it says. A reply of another form is undefined.
 */
export function checkReply(value: unknown): Reply | undefined {
  try {
    if (!isObject(value) || !isCount(value.id)) return undefined
    return (FORMS[String(value.type)] ?? never)(value) ? (value as Reply) : undefined
  } catch {
    // An object that is no text, a list whose `every` is something else: what a clone may be is more than JSON.
    return undefined
  }
}

type Fields = Record<string, unknown>

const never = () => false

const FORMS: Record<string, (reply: Fields) => boolean> = Object.assign(Object.create(null), {
  beat: (reply: Fields) => reply.id === 0,
  error: ({ code, message }: Fields) => CODES.includes(String(code)) && isText(message),
  facts: ({ facts }: Fields) =>
    isObject(facts) &&
    isCount(facts.contextLength) &&
    typeof facts.chat === 'boolean' &&
    typeof facts.tools === 'boolean' &&
    isCount(facts.dimensions),
  vectors: ({ vectors, tokens }: Fields) => isCount(tokens) && isList(vectors, MAX_VECTORS, isVector),
  piece: ({ piece }: Fields) => isObject(piece) && isPiece(piece),
})

function isPiece(piece: Fields): boolean {
  const { type, text, id, promptTokens, completionTokens, reason, logprob, top } = piece as Partial<
    Record<keyof (Piece & { type: 'token' }) | 'promptTokens' | 'completionTokens' | 'reason', unknown>
  >
  if (type === 'start') return isCount(promptTokens)
  if (type === 'end')
    return (
      isText(text) &&
      isCount(completionTokens) &&
      promptTokens === undefined &&
      (reason === 'stop' || reason === 'length')
    )
  const probable = logprob === undefined || isLogprob(logprob)
  return (
    type === 'token' &&
    isText(text) &&
    isCount(id) &&
    probable &&
    (top === undefined || isList(top, MAX_TOP, isLogprob))
  )
}

function isLogprob(value: unknown): value is Logprob {
  if (!isObject(value)) return false
  const isByte = (byte: unknown) => isCount(byte) && (byte as number) < 256
  return isText(value.token) && Number.isFinite(value.logprob) && isList(value.bytes, MAX_TEXT, isByte)
}

function isVector(value: unknown): boolean {
  return value instanceof Float32Array && value.length <= MAX_DIMENSIONS
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function isList(value: unknown, most: number, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= most && value.every(isItem)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_TEXT
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
