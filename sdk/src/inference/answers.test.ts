import { concatAll, utf8 } from '@nacre/verify'
import { receiptEvent, STREAM_END } from '@nacre/verify/answerStream'
import type { Proof } from '@nacre/verify/inference'
import { expect, test } from 'vitest'
import { createBundle } from '../../../test/mock-authority/bundle.ts'
import { verifiedStream } from './answers.ts'

const EVENTS = 200_000

test('a stream of more events than a call can have arguments: its receipt is over every one', async () => {
  const { origin, parameters, receipt, signature, usage } = createBundle()
  const proof: Proof = { origin, parameters, receipt, signature, usage }
  const event = utf8('data: {}\n\n')
  const end = receiptEvent({ id: 'cmpl-1', object: 'text_completion', created: 1, model: 'tales' }, proof)
  async function* body(): AsyncGenerator<Uint8Array> {
    const many = concatAll(Array.from({ length: EVENTS / 100 }, () => event))
    for (let sent = 0; sent < 100; sent++) yield many
    yield concatAll([end, STREAM_END])
  }
  const checked: { output: Uint8Array; proof: Proof }[] = []
  let parts = 0
  const check = (output: Uint8Array, proof: Proof) => void checked.push({ output, proof })
  for await (const _ of verifiedStream(body(), EVENTS * event.length, check)) parts++
  expect(parts).toBe(EVENTS + 1)
  expect(checked).toHaveLength(1)
  expect(checked[0]?.proof).toEqual(proof)
  expect(checked[0]?.output.length).toBe(EVENTS * event.length)
})
