import { expect, test } from 'vitest'
import { createChoices, type Token } from './choices.ts'

test('probabilities of a call that is held back are told before there are many', () => {
  const tools = [{ name: 'f', parameters: { type: 'object' } }]
  const choices = createChoices(1, 1, { as: 'call', tools, auto: false }, true)
  const token: Token = { type: 'token', text: ' ', logprob: { token: ' ', bytes: [32], logprob: -1 } }
  const told = Array.from({ length: 1000 }, () => choices.take(0, token)?.tokens.length ?? 0)
  expect(Math.max(...told)).toBeLessThanOrEqual(64)
  expect(told.reduce((sum, count) => sum + count)).toBeGreaterThan(900)
  const end = choices.take(0, {
    type: 'end',
    text: '{"name":"f","arguments":{}}',
    reason: 'stop',
    completionTokens: 1000,
  })
  expect(end).toMatchObject({ content: '', call: { name: 'f' }, finish: 'tool_calls' })
})
