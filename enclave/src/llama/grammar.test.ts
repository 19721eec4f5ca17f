import { describe, expect, test } from 'vitest'
import { validate } from '../inference/schema.ts'
import { openBinding } from './binding.ts'
import { grammarOf } from './grammar.ts'

type Readable = { isTextCompatible(text: string): boolean }
const binding = await openBinding()
const grammarFor = (schema: unknown) =>
  new binding.AddonGrammar(grammarOf(schema), { addonExports: binding }) as unknown as Readable

const SCHEMAS: [name: string, schema: unknown, fits: string[], others: string[]][] = [
  [
    'any JSON',
    {},
    ['1', '-0.5e-7', '"\\u00e9é\\n"', '{"a": [1, {}], "b":null}', '[[]]'],
    ['', '01', '{a:1}', '"\n"'],
  ],
  ['an object', { type: 'object' }, ['{}', '{"a": 1}'], ['[]', '1']],
  ['no property', { type: 'object', additionalProperties: false }, ['{}'], ['{"a":1}']],
  [
    'properties, in order',
    {
      type: 'object',
      properties: { a: { type: 'integer' }, 'b"\\\n': { type: 'null' }, c: { type: 'boolean' } },
      required: ['b"\\\n'],
      additionalProperties: false,
    },
    [
      '{"b\\"\\\\\\n":null}',
      '{"a":-12,"b\\"\\\\\\n":null}',
      '{"a": 0, "b\\"\\\\\\n": null, "c": true}',
      '{"b\\"\\\\\\n":null,"c":false}',
    ],
    ['{}', '{"a":1}', '{,"b\\"\\\\\\n":null}', '{"b\\"\\\\\\n":null,}', '{"b\\"\\\\\\n":null,"d":1}'],
  ],
  [
    'optional properties alone',
    objectOf({ a: {}, b: {} }),
    ['{}', '{"a":1}', '{"b":1}', '{"a":1,"b":2}'],
    ['{"a":1"b":2}', '{"c":1}'],
  ],
  ['lengths', { type: 'string', minLength: 2, maxLength: 3 }, ['"ab"', '"\\n😀b"'], ['"a"', '"abcd"', 'ab']],
  ['no character', { type: 'string', maxLength: 0 }, ['""'], ['"a"']],
  [
    'long strings',
    { type: 'string', minLength: 1, maxLength: 100_000 },
    ['"a"', `"${'a'.repeat(3000)}"`],
    ['""'],
  ],
  [
    'items',
    { type: 'array', items: { type: 'null' }, minItems: 1, maxItems: 2 },
    ['[null]', '[null, null]'],
    ['[]', '[null,null,null]', '[null,]'],
  ],
  ['one item', { type: 'array', items: { type: 'null' }, maxItems: 1 }, ['[]', '[null]'], ['[null,null]']],
  ['no items', { type: 'array', maxItems: 0 }, ['[]'], ['[1]']],
  [
    'a tuple',
    {
      type: 'array',
      prefixItems: [{ const: 1 }, { const: 2 }],
      items: { const: 3 },
      minItems: 1,
      maxItems: 4,
    },
    ['[1]', '[1,2]', '[1,2,3]', '[1,2,3,3]'],
    ['[]', '[2]', '[1,3]', '[1,2,3,3,3]'],
  ],
  [
    'a closed tuple',
    { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }], items: false },
    ['[]', '[1]', '[1,2]'],
    ['[1,2,3]'],
  ],
  [
    'values',
    { enum: ['a"', 1, null, { b: [true] }] },
    ['"a\\""', '1', 'null', '{"b":[true]}'],
    ['"a"', '2', '{}'],
  ],
  ['types', { type: ['string', 'null'] }, ['"a"', 'null'], ['1']],
  [
    'a definition that holds itself',
    {
      $defs: { tree: objectOf({ of: { anyOf: [{ $ref: '#/$defs/tree' }, { type: 'null' }] } }) },
      $ref: '#/$defs/tree',
    },
    ['{}', '{"of":null}', '{"of":{"of":{}}}'],
    ['null', '{"of":1}'],
  ],
]

function objectOf(properties: Record<string, unknown>): unknown {
  return { type: 'object', properties, additionalProperties: false }
}

describe('a grammar', () => {
  test.each(SCHEMAS)('of %s takes what fits, and nothing else', (_, schema, fits, others) => {
    const grammar = grammarFor(schema)
    for (const text of fits) {
      expect([text.slice(0, 40), grammar.isTextCompatible(text)]).toEqual([text.slice(0, 40), true])
      expect(validate(schema, JSON.parse(text))).toBeUndefined()
    }
    for (const text of others) expect([text, grammar.isTextCompatible(text)]).toEqual([text, false])
  })

  test('of the largest schema is read by the engine', () => {
    const names = Array.from({ length: 250 }, (_, i) => `property number ${i}`)
    const schema = objectOf(
      Object.fromEntries(
        names.map(name => [name, { type: 'array', items: { type: 'string', maxLength: 256 }, maxItems: 64 }]),
      ),
    )
    expect(grammarFor(schema).isTextCompatible('{"property number 7": ["a"]}')).toBe(true)
  })
})
