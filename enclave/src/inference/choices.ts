import type { Hex } from '@nacre/verify'
import { type Call, createChoiceText, type Finish, type Reading } from './choiceText.ts'
import type { Generation, LanguageEngine, Piece } from './languageEngine.ts'

export type Token = Extract<Piece, { type: 'token' }>

/** What one choice says next; with `finish` nothing follows. */
export type Delta = {
  index: number
  content: string
  call?: Call
  finish?: Finish
  /** Tokens since the last delta, where their probabilities were asked for. */
  tokens: Token[]
}

/** Tokens with their probabilities that wait for text. */
const MAX_PENDING = 64

/** The choices of one request while they are made. */
export type Choices = {
  /** @throws ApiError invalid_output */
  take(index: number, piece: Piece): Delta | undefined
  /** So far. Several choices of one prompt read it once. */
  tokens(): { prompt: number; completion: number }
}

/** @param perPrompt choices of each prompt */
export function createChoices(
  count: number,
  perPrompt: number,
  reading: Reading,
  withTokens: boolean,
): Choices {
  const texts = Array.from({ length: count }, () => createChoiceText(reading))
  const pending: Token[][] = texts.map(() => [])
  const prompts: number[] = []
  const completions = texts.map(() => 0)

  const delta = (index: number, said: Omit<Delta, 'index' | 'tokens'>): Delta => ({
    index,
    ...said,
    tokens: pending[index]!.splice(0),
  })
  return {
    take(index, piece) {
      if (piece.type === 'start') {
        prompts[Math.floor(index / perPrompt)] = piece.promptTokens
        return undefined
      }
      const text = texts[index]!
      const content = text.add(piece.text)
      if (piece.type === 'end') {
        completions[index] = piece.completionTokens
        if (piece.promptTokens !== undefined) prompts[Math.floor(index / perPrompt)] = piece.promptTokens
        const end = text.end(piece.reason)
        return delta(index, { ...end, content: content + end.content })
      }
      completions[index]!++
      if (withTokens) pending[index]!.push(piece)
      // Tokens of a call that is held back are told before there are many.
      return content === '' && pending[index]!.length < MAX_PENDING ? undefined : delta(index, { content })
    },
    tokens: () => ({ prompt: sumOf(prompts), completion: sumOf(completions) }),
  }
}

/** The pieces of several generations as they come; leaving the loop stops all of them. @throws EngineError */
export async function* generateAll(
  engine: LanguageEngine,
  artifact: Hex,
  generations: Generation[],
  signal: AbortSignal,
): AsyncGenerator<{ index: number; piece: Piece }, void> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const sources = generations.map(one => engine.generate(artifact, one, either)[Symbol.asyncIterator]())
  const next = (index: number) => {
    const made = sources[index]!.next().then(result => ({ index, result }))
    // It may fail while the piece before it is still on its way to the client: whoever waits for it then is told.
    made.catch(() => undefined)
    return made
  }
  const waiting = new Map(sources.map((_, index) => [index, next(index)]))
  try {
    while (waiting.size > 0) {
      const { index, result } = await Promise.race(waiting.values())
      if (result.done) waiting.delete(index)
      else {
        waiting.set(index, next(index))
        yield { index, piece: result.value }
      }
    }
  } finally {
    stop.abort()
    // One that was waited for fails now; one that had a piece ready has to be told to end.
    await Promise.allSettled([...waiting.values(), ...sources.map(source => source.return?.())])
  }
}

function sumOf(counts: number[]): number {
  return counts.reduce((sum, count) => sum + (count ?? 0), 0)
}
