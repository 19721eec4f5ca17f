import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientOrigin, createBundle } from '../../test/mock-authority/index.ts'
import { MAX_BUNDLE, NacreError, parseBundle, serializeBundle, toJson } from './index.ts'

type Json = Record<string, unknown>
const bundle = createBundle()
const plain = (): Json => toJson(bundle) as Json

const codeOf = (source: unknown): string | undefined => {
  try {
    parseBundle(source)
  } catch (error) {
    return (error as NacreError).code
  }
  return undefined
}

test('what is written is read back', () => {
  for (const written of [bundle, createBundle({ origin: clientOrigin })]) {
    expect(parseBundle(serializeBundle(written))).toEqual(written)
    expect(parseBundle(JSON.parse(serializeBundle(written)))).toEqual(written)
  }
  const large = { ...bundle, receipt: { ...bundle.receipt, sequence: 2n ** 64n - 1n } }
  expect(parseBundle(serializeBundle(large))).toEqual(large)
})

test('text that is no bundle', () => {
  expect(codeOf('{')).toBe('invalid-json')
  expect(codeOf(' '.repeat(MAX_BUNDLE + 1))).toBe('too-large')
  for (const text of ['null', '[]', '1', '"a"']) expect(codeOf(text)).toBe('wrong-type')
  expect(codeOf('{}')).toBe('missing-field')
})

describe('fields', () => {
  const cases: [string, (json: Json) => void, string][] = [
    ['another type', json => Object.assign(json, { type: 'other' }), 'wrong-type'],
    ['another version', json => Object.assign(json, { version: 2 }), 'unsupported-version'],
    ['an unknown field', json => Object.assign(json, { extra: 1 }), 'unknown-field'],
    ['an inherited name', json => Object.assign(json, { constructor: 1 }), 'unknown-field'],
    ['a nested unknown field', json => Object.assign(json.receipt as Json, { extra: 1 }), 'unknown-field'],
    [
      'an unknown kind of evidence',
      json => Object.assign(json.evidence as Json, { kind: 'tpm' }),
      'wrong-type',
    ],
    ['an unknown origin', json => Object.assign(json.origin as Json, { type: 'fax' }), 'wrong-type'],
    ['no origin', json => Object.assign(json, { origin: null }), 'wrong-type'],
    ['upper-case hex', json => Object.assign(json, { registry: `0x${'AB'.repeat(20)}` }), 'wrong-type'],
    ['short hex', json => Object.assign(json, { signature: '0x00' }), 'wrong-type'],
    [
      'long evidence',
      json => Object.assign(json.evidence as Json, { bytes: `0x${'00'.repeat(8193)}` }),
      'too-large',
    ],
    ['a count as text', json => Object.assign(json.receipt as Json, { sequence: '3' }), 'wrong-type'],
    [
      'a count too large',
      json => Object.assign(json.receipt as Json, { sequence: (2n ** 64n).toString() }),
      'wrong-type',
    ],
    ['a negative count', json => Object.assign(json.receipt as Json, { sequence: -1 }), 'wrong-type'],
    ['a fraction', json => Object.assign(json.receipt as Json, { status: 0.5 }), 'wrong-type'],
    ['an amount as number', json => Object.assign(json.usage as Json, { price: 1 }), 'wrong-type'],
    [
      'an amount with a zero before',
      json => Object.assign(json.usage as Json, { price: '01' }),
      'wrong-type',
    ],
    [
      'an amount too large',
      json => Object.assign(json.usage as Json, { price: (2n ** 256n).toString() }),
      'wrong-type',
    ],
  ]
  test.each(cases)('%s', (_, change, code) => {
    const json = plain()
    change(json)
    expect(codeOf(json)).toBe(code)
  })
  test.each(Object.keys(plain()))('%s missing', field => {
    const json = plain()
    delete json[field]
    expect(codeOf(json)).toBe('missing-field')
  })
})

test('any JSON value is refused with a code', () => {
  const property = fc.property(fc.jsonValue(), value => {
    expect(() => parseBundle(value)).toThrow(NacreError)
  })
  fc.assert(property)
})

test('a proof that the relay was fulfilled with is no receipt of an enclave', () => {
  const { receipt, output } = bundle
  const proof = `0x${'11'.repeat(256)}`
  const zero = `0x${'00'.repeat(32)}`
  expect(codeOf(toJson({ type: 'nacre.zk-answer', version: 1, receipt, proof, output }))).toBeDefined()
  const unsigned = { ...receipt, releaseId: zero, configHash: zero, parametersHash: zero, sequence: 0n }
  expect(codeOf(toJson({ ...bundle, receipt: unsigned, signature: proof }))).toBe('wrong-type')
})
