import { encodeProof, RECEIPT_HEADER } from '@nacre/verify/inference'
import { callId, type Plan, usageOf, type Work } from './answerText.ts'
import type { Delta } from './choices.ts'
import type { Outlet } from './outlet.ts'
import { createOutput } from './output.ts'
import type { Question } from './question.ts'
import type { Opening } from './receiptBook.ts'

/** Answers with one body. */
export async function tellWhole({
  question,
  plan,
  opening,
  frame,
  choices,
  pieces,
  room,
}: Work): Promise<void> {
  const { shape, generations } = plan
  const said = generations.map((_, index): Delta => ({ index, content: '', tokens: [], finish: 'length' }))
  let used = 0
  for await (const { index, piece } of pieces) {
    const delta = choices.take(index, piece)
    used += delta ? weightOf(delta, plan) : 0
    // The choices that have no end say that they were cut off.
    if (used > room) break
    if (delta) add(said[index]!, delta)
  }
  const tokens = choices.tokens()
  const body = {
    ...{ ...frame, object: shape.object.whole },
    choices: said.map(one => shape.whole(one, callId(frame.id, one.index))),
    usage: usageOf(tokens),
  }
  await sendWhole(question, opening, body, tokens)
}

function add(choice: Delta, { content, call, finish, tokens }: Delta): void {
  choice.content += content
  choice.tokens.push(...tokens)
  if (call) choice.call = call
  if (finish) choice.finish = finish
}

/** Bytes of it in the body, or somewhat more. */
function weightOf(delta: Delta, { shape, withTokens }: Plan): number {
  const told = withTokens ? shape.whole(delta, '') : [delta.content, delta.call]
  return Buffer.byteLength(JSON.stringify(told))
}

/** A body with its proof in the header. @throws Gone */
export async function sendWhole(
  { outlet, context }: Question,
  opening: Opening,
  body: object,
  tokens: { prompt: number; completion: number },
): Promise<void> {
  if (outlet.gone.aborted) throw outlet.gone.reason
  const text = JSON.stringify(body)
  // Before it is sent: the header is.
  const hashed = createOutput(nowhere(outlet))
  await hashed.write(text)
  const proof = context.book.close(opening, { ...hashed.hashes(), tokens, status: 0 })
  const headers = { 'content-type': 'application/json', [RECEIPT_HEADER]: encodeProof(proof) }
  outlet.open({ status: 200, headers }, hashed.size())
  await outlet.write(Buffer.from(text))
  await outlet.end()
}

function nowhere(outlet: Outlet): Outlet {
  return { ...outlet, write: async () => {} }
}
