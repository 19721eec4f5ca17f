import { expect, test } from 'vitest'
import { choicesOf } from './choices.ts'
import { END, firstDifference, firstVectorDifference } from './compare.ts'

const again = choicesOf(
  JSON.stringify({
    choices: [
      {
        index: 0,
        message: { content: 'Once upon a time' },
        logprobs: { content: ['Once', ' upon', ' a', ' time'].map(token => ({ token })) },
        finish_reason: 'stop',
      },
    ],
  }),
)
const event = (content: string, finish_reason: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`
const written = (content: string): string =>
  JSON.stringify({ choices: [{ index: 0, message: { content }, finish_reason: 'stop' }] })

test.each<[string, string, object | undefined]>([
  ['the same', written('Once upon a time'), undefined],
  ['the same, streamed', event('Once upon') + event(' a time', 'stop'), undefined],
  ['the beginning that a client waited for', event('Once') + event(' upon'), undefined],
  ['nothing, of a client that left at once', '', undefined],
  ['another token', written('Once upon a tide'), { choice: 0, index: 3, expected: ' tide', got: ' time' }],
  ['another first one', written('Nonce upon a time'), { choice: 0, index: 0, expected: 'Nonc', got: 'Once' }],
  ['a shorter one', written('Once upon a'), { choice: 0, index: 3, expected: END, got: ' time' }],
  ['a longer one', written('Once upon a time there'), { choice: 0, index: 16, expected: ' there', got: END }],
])('%s', (_, original, difference) => {
  expect(firstDifference(choicesOf(original), again)).toEqual(difference)
})

test('tokens of both are compared one by one; calls of tools by their text', () => {
  const tokens = (...list: string[]) =>
    choicesOf(
      JSON.stringify({
        choices: [{ index: 1, text: list.join(''), logprobs: { tokens: list }, finish_reason: 'stop' }],
      }),
    )
  expect(firstDifference(tokens('a', 'b'), tokens('a', 'b'))).toBeUndefined()
  expect(firstDifference(tokens('a', 'b'), tokens('ab'))).toEqual({
    choice: 1,
    index: 0,
    expected: 'a',
    got: 'ab',
  })
  const call = (args: string) =>
    choicesOf(
      JSON.stringify({
        choices: [
          {
            index: 0,
            message: { content: null, tool_calls: [{ function: { name: 'f', arguments: args } }] },
            finish_reason: 'tool_calls',
          },
        ],
      }),
    )
  expect(firstDifference(call('{"a":1}'), call('{"a":1}'))).toBeUndefined()
  expect(firstDifference(call('{"a":1}'), call('{"a":2}'))).toMatchObject({ choice: 0, index: 6 })
  expect(firstDifference(call('{}'), [])).toMatchObject({ choice: 0, got: END })
})

test('vectors are compared number by number', () => {
  expect(firstVectorDifference([[1, 2]], [[1, 2]])).toBeUndefined()
  expect(firstVectorDifference([[1], [1, 2]], [[1], [1, 3]])).toEqual({
    choice: 1,
    index: 1,
    expected: '2',
    got: '3',
  })
  expect(firstVectorDifference([[1]], [])).toEqual({ choice: 0, index: 0, expected: '1', got: END })
})
