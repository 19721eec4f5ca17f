import { describe, expect, test } from 'vitest'
import type { EngineError } from './languageEngine.ts'
import { checkSchema, validate } from './schema.ts'

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 4 },
    age: { type: 'integer', minimum: 0, exclusiveMaximum: 200 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 2 },
    pair: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'null' }], items: false },
    other: { anyOf: [{ $ref: '#' }, { type: ['boolean', 'null'] }] },
    unit: { const: { a: [1] } },
  },
  required: ['name'],
  additionalProperties: false,
  title: 'Person',
}

test.each([
  [{ name: 'Ada' }, undefined],
  [{ name: '😀😀😀😀' }, undefined],
  [{ name: 'Ada', age: 36, tags: ['a', 'b'], pair: [1.5, null], unit: { a: [1] } }, undefined],
  [{ name: 'Ada', other: { name: 'Bob', other: true } }, undefined],
  [{ name: 'Ada', pair: [1] }, undefined],
  [[], '$: is no object'],
  [{}, '$: has no name'],
  [{ name: '' }, '$.name: has 0 characters'],
  [{ name: 'Grace' }, '$.name: has 5 characters'],
  [{ name: 'Ada', age: 1.5 }, '$.age: is no whole number of at most 2^53'],
  [{ name: 'Ada', age: 1e300 }, '$.age: is no whole number of at most 2^53'],
  [{ name: 'Ada', age: 200 }, '$.age: is outside its bounds'],
  [{ name: 'Ada', tags: [] }, '$.tags: has 0 items'],
  [{ name: 'Ada', tags: ['a', 'c'] }, '$.tags[1]: is none of the values'],
  [{ name: 'Ada', pair: [1, null, 2] }, '$.pair: has 3 items'],
  [{ name: 'Ada', pair: [1, 2] }, '$.pair[1]: is no null'],
  [{ name: 'Ada', other: { name: 'Bob', other: 1 } }, '$.other: fits none of the choices'],
  [{ name: 'Ada', unit: { a: [2] } }, '$.unit: is none of the values'],
  [{ name: 'Ada', more: 1 }, '$: has more, which it may not'],
  [{ name: 'Ada', toString: 1 }, '$: has toString, which it may not'],
  [JSON.parse('{"name":"Ada","__proto__":1}'), '$: has __proto__, which it may not'],
])('the value %j', (value, wrong) => {
  expect(validate(person, value)).toBe(wrong)
})

test('a value that is nested without an end is refused', () => {
  const schema = { type: 'array', items: { $ref: '#' } }
  const nested = JSON.parse('['.repeat(80) + ']'.repeat(80))
  expect(validate(schema, nested)).toContain('nested deeper than 64')
})

const nest = (depth: number, make: (inner: unknown) => unknown): unknown =>
  depth === 0 ? {} : make(nest(depth - 1, make))
const two = (part: unknown) => ({ anyOf: [part, part] })
/** Each definition is a choice of two that are the next: 2^150 ways from the first to the last. */
const ladder = Object.fromEntries(
  Array.from({ length: 150 }, (_, i) => [
    `${i}`,
    i < 149 ? two({ $ref: `#/$defs/${i + 1}` }) : { type: 'null' },
  ]),
)

describe('a schema is refused by its place, when', () => {
  test.each<[string, unknown, string]>([
    ['it is no object', true, 'schema: not an object'],
    ['it is nothing', undefined, 'schema: not an object'],
    ['a keyword is unknown', { type: 'string', pattern: '^a' }, 'schema: pattern is not implemented'],
    ['a keyword is of another type', { type: 'string', minimum: 1 }, 'schema: minimum is not implemented'],
    ['it has keywords without a type', { properties: {} }, 'schema.type: it is one of'],
    ['a type is unknown', { type: 'date' }, 'schema.type: it is one of'],
    ['a type is a property of all objects', { type: 'constructor' }, 'schema.type: it is one of'],
    ['there are no types', { type: [] }, 'schema.type: it is one of'],
    ['a count is none', { type: 'string', maxLength: -1 }, 'schema.maxLength: not a whole number'],
    ['a bound is none', { type: 'number', minimum: '1' }, 'schema.minimum: not a number'],
    ['a property is none', { type: 'object', properties: { a: 1 } }, 'schema.properties.a: not an object'],
    ['a required one is missing', { type: 'object', required: ['a'] }, 'schema.required: a is no property'],
    [
      'more properties have a schema',
      { type: 'object', additionalProperties: {} },
      'schema.additionalProperties: only',
    ],
    ['an enum is empty', { enum: [] }, 'schema.enum: not a list'],
    ['a value is of another type', { type: 'string', enum: [1] }, 'schema: a value that is not of its type'],
    ['a choice is empty', { anyOf: [] }, 'schema.anyOf: not a list'],
    ['allOf is asked for', { allOf: [{}] }, 'schema.type: it is one of'],
    ['a definition is missing', { $ref: '#/$defs/a' }, '#/$defs/a: there is no such definition'],
    [
      'a reference leads elsewhere',
      { $ref: 'https://example.org/a' },
      'https://example.org/a: there is no such',
    ],
    ['it is itself', { $ref: '#' }, '#: it refers to itself'],
    [
      'definitions are each other',
      { $defs: { a: { $ref: '#/$defs/b' }, b: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/a' }] } } },
      '#/$defs/b: it refers to itself',
    ],
    ['it is too deep', nest(40, items => ({ type: 'array', items })), 'nested deeper than 32'],
    ['it has too many parts', { anyOf: Array(600).fill({ type: 'null' }) }, 'more than 512 parts'],
    ['it has too many values', { enum: Array.from({ length: 300 }, (_, i) => i) }, 'more than 256 values'],
    ['it is too long', { description: 'x'.repeat(70_000) }, 'longer than 65536 characters'],
    ['its choices multiply', nest(5, inner => two({ type: 'array', items: inner })), 'told apart too late'],
    [
      'its choices multiply in a circle',
      { $defs: { a: two({ type: 'array', items: { $ref: '#/$defs/a' } }) }, $ref: '#/$defs/a' },
      'told apart too late',
    ],
    ['its choices multiply by references', { $defs: ladder, $ref: '#/$defs/0' }, 'told apart too late'],
    [
      'a definition is missing, deep inside',
      { type: 'object', properties: { a: two({ $ref: '#/$defs/b' }) } },
      '#/$defs/b: there is no such definition',
    ],
  ])('%s', (_, schema, message) => {
    const refused = (() => {
      try {
        checkSchema(schema)
      } catch (error) {
        return error as EngineError
      }
    })()
    expect(refused).toMatchObject({ name: 'Error', code: 'invalid-schema' })
    expect(refused?.message).toContain(message)
  })
})

test('choices that begin with other characters, and those of one level, are taken', () => {
  const json = {
    anyOf: [
      { type: ['string', 'number', 'boolean', 'null'] },
      { type: 'array', items: { $ref: '#' } },
      { type: 'object', properties: { a: { $ref: '#' } } },
    ],
  }
  const shapes = {
    anyOf: Array.from({ length: 8 }, (_, i) => ({ type: 'object', properties: { kind: { const: i } } })),
  }
  for (const schema of [json, shapes, {}, { type: 'object' }]) expect(() => checkSchema(schema)).not.toThrow()
})
