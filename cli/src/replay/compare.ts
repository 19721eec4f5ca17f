import type { Choice } from './choices.ts'

/** The first thing that differs: the token at an index, or the end of a choice. */
export type Difference = { choice: number; index: number; expected: string; got: string }

/** What an ended choice has after its last token. */
export const END = '(end)'

/**
 * The first token in which a second answer differs from the first; undefined when there is none. A choice that was not
 * sent to its end, because its client went away, is compared as far as it was.
 */
export function firstDifference(original: Choice[], again: Choice[]): Difference | undefined {
  for (const choice of original) {
    const other = again.find(({ index }) => index === choice.index)
    const nothing = { text: '', tokens: [], finished: true, index: choice.index }
    const found = differenceOf(choice, other ?? nothing)
    if (found) return { choice: choice.index, ...found }
  }
  return undefined
}

function differenceOf(original: Choice, again: Choice): Omit<Difference, 'choice'> | undefined {
  if (original.tokens.length > 0) return inTokens(original, again)
  const at = firstOther(original.text, again.text)
  const { text, finished } = original
  if (at === text.length && (at === again.text.length || !finished)) return undefined
  const { index, start, token } = tokenAt(again.tokens, at)
  if (token !== undefined)
    return { index, expected: text.slice(start, start + token.length) || END, got: token }
  // Without tokens of its own, as in calls of tools, the place is that of a character.
  return { index: at, expected: text.slice(at, at + 16) || END, got: again.text.slice(at, at + 16) || END }
}

function inTokens({ tokens, finished }: Choice, again: Choice): Omit<Difference, 'choice'> | undefined {
  const index = firstOther(tokens, again.tokens)
  if (index === tokens.length && (index === again.tokens.length || !finished)) return undefined
  return { index, expected: tokens[index] ?? END, got: again.tokens[index] ?? END }
}

/** Of two vectors: `choice` is the input's place. */
export function firstVectorDifference(original: unknown[], again: unknown[]): Difference | undefined {
  for (const [choice, vector] of original.entries()) {
    const [one, other] = [numbersOf(vector), numbersOf(again[choice])]
    const index = firstOther(one, other)
    if (index === one.length && index === other.length) continue
    return { choice, index, expected: `${one[index] ?? END}`, got: `${other[index] ?? END}` }
  }
  return undefined
}

/** Vectors travel as numbers, or as base64 of them. */
function numbersOf(vector: unknown): ArrayLike<unknown> {
  return typeof vector === 'string' || Array.isArray(vector) ? vector : []
}

/** Where two lists begin to differ; the shorter's length when it is the beginning of the other. */
function firstOther(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  const least = Math.min(a.length, b.length)
  for (let i = 0; i < least; i++) if (a[i] !== b[i]) return i
  return least
}

/** The token that a character of their text belongs to. */
function tokenAt(
  tokens: string[],
  character: number,
): { index: number; start: number; token: string | undefined } {
  let start = 0
  for (const [index, token] of tokens.entries()) {
    if (character < start + token.length) return { index, start, token }
    start += token.length
  }
  return { index: tokens.length, start, token: undefined }
}
