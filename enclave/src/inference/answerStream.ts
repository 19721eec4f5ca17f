import { toJson } from '@nacre/verify/bundle'
import { callId, type Plan, usageOf, type Work } from './answerText.ts'
import { ApiError, apiAnswer } from './apiErrors.ts'
import type { Delta } from './choices.ts'
import { createOutput, type Output } from './output.ts'

/**
 * Answers with a stream of server-sent events, the receipt the last one before its end (docs/inference.md, Receipt of an
 * answer). Whatever happens after the first byte, there is a receipt over what was sent.
 */
export async function tellStream(work: Work): Promise<void> {
  const { question, plan, opening, choices, pieces } = work
  const { outlet, context } = question
  // What refuses it comes before the first piece.
  const first = await pieces.next()
  outlet.open({ status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
  const output = createOutput(outlet)
  const events = eventsOf(work, output)
  let status: 0 | 3 = 0
  try {
    for (let next = first; !next.done; next = await pieces.next()) {
      const delta = choices.take(next.value.index, next.value.piece)
      if (delta && !(await events.say(delta))) break
    }
    await events.finish()
    if (plan.includeUsage) await events.send({ choices: [], usage: usageOf(choices.tokens()) })
  } catch (error) {
    if (!outlet.gone.aborted) {
      status = unfit(plan, error) ? 0 : 3
      if (status === 3) context.onError(error)
      await output.write(eventOf(apiAnswer(error).body)).catch(() => undefined)
    }
  }
  const proof = context.book.close(opening, { ...output.hashes(), tokens: choices.tokens(), status })
  const { frame } = work
  const receipt = { ...frame, object: plan.shape.object.chunk, choices: [], nacre: toJson(proof) }
  await outlet.write(Buffer.from(`${eventOf(receipt)}data: [DONE]\n\n`))
  await outlet.end()
}

/**
 * A text that was sent and does not fit its schema was made as asked: bounds that no number fits would make every text
 * free. A call that does not fit was not sent.
 */
function unfit({ reading }: Plan, error: unknown): boolean {
  return reading.as === 'json' && error instanceof ApiError && error.code === 'invalid_output'
}

type Events = {
  /** Whether there was room for it; if not, its choice ends. @throws Gone */
  say(delta: Delta): Promise<boolean>
  /** Ends what has no end yet. @throws Gone */
  finish(): Promise<void>
  send(fields: { choices: unknown[]; usage?: unknown }): Promise<void>
}

function eventsOf({ plan, frame, room }: Work, output: Output): Events {
  const { shape, includeUsage } = plan
  const places = plan.generations.map(() => ({ offset: 0, isFirst: true, ended: false }))
  const textOf = (fields: { choices: unknown[]; usage?: unknown }) =>
    eventOf({ ...frame, object: shape.object.chunk, ...(includeUsage && { usage: null }), ...fields })
  const chunkOf = (delta: Delta) => {
    const { offset, isFirst } = places[delta.index]!
    return textOf({
      choices: [shape.chunk(delta, { offset, isFirst, callId: callId(frame.id, delta.index) })],
    })
  }
  const write = async (delta: Delta, text: string) => {
    const place = places[delta.index]!
    place.isFirst = false
    place.offset += delta.content.length
    place.ended = delta.finish !== undefined
    await output.write(text)
  }
  const end = (index: number) => {
    const bare: Delta = { index, content: '', tokens: [], finish: 'length' }
    return write(bare, chunkOf(bare))
  }
  return {
    async say(delta) {
      const text = chunkOf(delta)
      const fits = output.size() + Buffer.byteLength(text) <= room
      // Room for an end without a word is kept free.
      if (fits || isBare(delta)) await write(delta, text)
      else await end(delta.index)
      return fits
    },
    async finish() {
      for (const [index, { ended }] of places.entries()) if (!ended) await end(index)
    },
    send: async fields => await output.write(textOf(fields)),
  }
}

function isBare({ content, call, tokens }: Delta): boolean {
  return content === '' && !call && tokens.length === 0
}

function eventOf(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}
