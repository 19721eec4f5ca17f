import { expect, test } from 'vitest'
import { createChoiceText, type Reading } from './choiceText.ts'
import { checkSchema, validate } from './schema.ts'
import { callSchema } from './toolSchema.ts'

const tools = [
  {
    name: 'sail',
    parameters: {
      type: 'object',
      properties: { to: { $ref: '#/$defs/port' } },
      required: ['to'],
      $defs: { port: { enum: ['north'] } },
    },
  },
  {
    name: 'list',
    parameters: { type: 'object', properties: { in: { $ref: '#' }, like: { const: { $ref: '#' } } } },
  },
]

/** What is said while the parts come, and at the end. */
function read(reading: Reading, parts: string[], reason: 'stop' | 'length' = 'stop') {
  const text = createChoiceText(reading)
  return { said: parts.map(part => text.add(part)), end: text.end(reason) }
}

const auto: Reading = { as: 'call', tools, auto: true }
const call = { name: 'sail', arguments: '{"to":"north"}' }

test.each([
  ['the JSON alone', ['{"name": "sail", ', '"arguments": {"to": "north"}}']],
  [
    'as Hermes and Qwen write it',
    ['<tool', '_call>\n{"name":"sail","arguments":{"to":"north"}}\n</tool_call>'],
  ],
  ['as Mistral writes it', ['[TOOL_CALLS] ', '[{"name":"sail","arguments":{"to":"north"}}]']],
  ['as Llama writes it', ['{"name":"sail","parameters":{"to":"north"}}']],
])('a call: %s', (_, parts) => {
  const { said, end } = read(auto, parts)
  expect(said.join('')).toBe('')
  expect(end).toEqual({ content: '', call, finish: 'tool_calls' })
})

test('a text goes on at once, and what only began as a call is a text in the end', () => {
  expect(read(auto, ['the', ' {ship}'])).toEqual({
    said: ['the', ' {ship}'],
    end: { content: '', finish: 'stop' },
  })
  expect(read(auto, [' <tool', '_box>'])).toEqual({
    said: ['', ' <tool_box>'],
    end: { content: '', finish: 'stop' },
  })
  for (const text of [
    '{"name":"fly","arguments":{}}',
    '{"name":"sail","arguments":{"to":"south"}}',
    '{"na',
    '{}',
  ])
    expect(read(auto, [text]).end).toEqual({ content: text, finish: 'stop' })
})

test('a call that has to be and does not fit is an error, unless it was cut off', () => {
  const must: Reading = { as: 'call', tools, auto: false }
  expect(read(must, [JSON.stringify({ name: 'sail', arguments: { to: 'north' } })]).end.call).toEqual(call)
  expect(() => read(must, ['{"name":"fly"}'])).toThrow(expect.objectContaining({ code: 'invalid_output' }))
  expect(read(must, ['{"na'], 'length').end).toEqual({ content: '{"na', finish: 'length' })
})

test('JSON is compared with its schema when it is whole', () => {
  const json: Reading = { as: 'json', schema: { type: 'integer', maximum: 5 } }
  expect(read(json, ['4'])).toEqual({ said: ['4'], end: { content: '', finish: 'stop' } })
  expect(read(json, ['77'], 'length').end.finish).toBe('length')
  for (const text of ['7', 'x', ''])
    expect(() => read(json, [text])).toThrow(expect.objectContaining({ code: 'invalid_output' }))
})

test('the schema of a call has each tool’s own definitions', () => {
  const schema = callSchema(tools)
  checkSchema(schema)
  expect(validate(schema, { name: 'sail', arguments: { to: 'north' } })).toBeUndefined()
  expect(
    validate(schema, { name: 'list', arguments: { in: { in: {} }, like: { $ref: '#' } } }),
  ).toBeUndefined()
  for (const wrong of [
    { name: 'sail', arguments: {} },
    { name: 'list', arguments: { in: 1 } },
    { name: 'sail' },
    {},
  ])
    expect(validate(schema, wrong)).toBeDefined()
})
