import { apiErrorOf } from './apiErrors.ts'
import { createChoices, generateAll } from './choices.ts'
import type { Reading } from './choiceText.ts'
import { EngineError, type Generation } from './languageEngine.ts'
import { ANSWER_FRAME, CHOICE_FRAME } from './limits.ts'
import type { Model } from './modelStore.ts'
import { type Begun, begin, type Question, type Settings } from './question.ts'
import type { Shape } from './shapes.ts'

/** A request for text, checked: its choices, and how they are told. */
export type Plan = {
  kind: 'chatcmpl' | 'cmpl'
  model: Model
  /** One a choice; several choices of one prompt follow each other. */
  generations: Generation[]
  perPrompt: number
  reading: Reading
  withTokens: boolean
  shape: Shape
  stream: boolean
  includeUsage: boolean
  settings: Settings & { seed: number }
}

/** What all parts of an answer have. */
export type Frame = { id: string; created: number; model: string; system_fingerprint: string }

/** A plan that is carried out. */
export type Work = {
  question: Question
  plan: Plan
  opening: Begun
  frame: Frame
  choices: ReturnType<typeof createChoices>
  pieces: ReturnType<typeof generateAll>
  /** Bytes that choices may have: what is around them is kept free. */
  room: number
}

/**
 * Has a request for text answered by `tell`, whole or as a stream; however that ends, nothing is generated after it.
 * @throws ApiError, EngineError for what is refused before the first byte
 */
export async function answerText(
  question: Question,
  plan: Plan,
  tell: (work: Work) => Promise<void>,
): Promise<void> {
  const { context, outlet } = question
  const { generations, perPrompt, reading, withTokens, model } = plan
  const opening = begin(question, plan.kind, model, plan.settings)
  const { id, created } = opening
  const done = context.load.begin()
  const pieces = using(opening, generateAll(context.engine, model.artifact, generations, outlet.gone))
  let answered = false
  const used = ANSWER_FRAME + CHOICE_FRAME * generations.length
  try {
    await tell({
      ...{ question, plan, opening, pieces },
      frame: { id, created, model: model.id, system_fingerprint: context.engineName },
      choices: createChoices(generations.length, perPrompt, reading, withTokens),
      room: Math.max(0, context.config.maxOutput - used),
    })
    answered = true
  } catch (error) {
    throw error instanceof EngineError
      ? apiErrorOf(error, plan.kind === 'cmpl' ? 'prompt' : 'messages')
      : error
  } finally {
    await pieces.return()
    opening.end()
    done(answered)
  }
}

/** Its nonce is used from the first piece on, before which nothing is told. */
async function* using(opening: Begun, pieces: Work['pieces']): Work['pieces'] {
  for await (const one of pieces) {
    opening.use()
    yield one
  }
}

export function usageOf({ prompt, completion }: { prompt: number; completion: number }): object {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}

/** Of the call in a choice: unique as the answer is. */
export function callId(id: string, index: number): string {
  return `call_${id.slice(-24)}${index}`
}
