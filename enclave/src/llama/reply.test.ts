import { deserialize, serialize } from 'node:v8'
import { expect, test } from 'vitest'
import { checkReply } from './reply.ts'

const token = { type: 'token', text: 'a', id: 1, logprob: { token: 'a', bytes: [97], logprob: -1 }, top: [] }
const end = { type: 'end', text: '', reason: 'stop', completionTokens: 3 }

test.each([
  { id: 0, type: 'beat' },
  { id: 1, type: 'piece', piece: { type: 'start', promptTokens: 3 } },
  { id: 1, type: 'piece', piece: token },
  { id: 1, type: 'piece', piece: end },
  { id: 1, type: 'error', code: 'queue-full', message: 'x' },
])('a reply: %j', reply => {
  expect(checkReply(deserialize(serialize(reply)))).toEqual(reply)
})

/** A list that says of itself that it has another `every`: more than JSON comes over the channel. */
const list = Object.assign([1], { every: 1 })

test.each<[string, unknown]>([
  ['nothing', null],
  ['a type that is no text', { id: 1, type: { toString: 1, valueOf: 1 } }],
  ['a type of all objects', { id: 1, type: 'constructor' }],
  ['a code that is no text', { id: 1, type: 'error', code: { toString: 1, valueOf: 1 }, message: '' }],
  ['a list with fields', { id: 1, type: 'vectors', vectors: list, tokens: 1 }],
  [
    'bytes with fields',
    { id: 1, type: 'piece', piece: { ...token, logprob: { ...token.logprob, bytes: list } } },
  ],
  ['a negative count', { id: 1, type: 'piece', piece: { ...end, completionTokens: -1 } }],
  ['a count of the prompt at the end', { id: 1, type: 'piece', piece: { ...end, promptTokens: -1 } }],
])('no reply: %s', (_, reply) => {
  expect(checkReply(deserialize(serialize(reply)))).toBeUndefined()
})
