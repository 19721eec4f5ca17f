import { expect, test } from 'vitest'
import {
  abiEncode,
  encodeSettings,
  keccak256,
  MAX_SETTINGS,
  type NacreError,
  parametersHash,
  parseParameters,
  utf8,
} from './index.ts'

const settings = { temperature: 0.7, api: 'chat', contextSize: 2048, kernel: 'skylakex', topP: 1 }

test('with settings it is version 2, without them version 1', () => {
  const engine = keccak256(utf8('llama.cpp'))
  const one = parametersHash({ engine: 'llama.cpp', seed: 7n })
  expect(one).toBe(keccak256(abiEncode(['uint16', 1], ['bytes32', engine], ['uint256', 7n])))
  const text = encodeSettings(settings)
  expect(parametersHash({ engine: 'llama.cpp', seed: 7n, settings: text })).toBe(
    keccak256(
      abiEncode(['uint16', 2], ['bytes32', engine], ['uint256', 7n], ['bytes32', keccak256(utf8(text))]),
    ),
  )
})

test('settings are canonical: sorted at every depth, no white space', () => {
  expect(encodeSettings(settings)).toBe(
    '{"api":"chat","contextSize":2048,"kernel":"skylakex","temperature":0.7,"topP":1}',
  )
  expect(encodeSettings({ b: [{ d: 1, c: 1e21 }], a: null })).toBe('{"a":null,"b":[{"c":1e+21,"d":1}]}')
})

test('what is not canonical is refused', () => {
  const parse = (text: unknown) => parseParameters({ engine: 'e', seed: '7', settings: text }, 'parameters')
  const good = encodeSettings(settings)
  expect(parse(good)).toEqual({ engine: 'e', seed: 7n, settings: good })
  expect(parseParameters({ engine: 'e', seed: '7' }, 'parameters')).toEqual({ engine: 'e', seed: 7n })
  const cases: [unknown, string][] = [
    ['', 'wrong-type'],
    [settings, 'wrong-type'],
    ['{"b":1,"a":2}', 'invalid-json'],
    ['{ "a":1}', 'invalid-json'],
    ['{"a":1.0}', 'invalid-json'],
    ['{"a":1,"a":1}', 'invalid-json'],
    ['[1]', 'invalid-json'],
    ['1', 'invalid-json'],
    ['{"a":"ä"}', 'invalid-json'],
    ['{', 'invalid-json'],
    [`{"a":"${'x'.repeat(MAX_SETTINGS)}"}`, 'too-large'],
  ]
  for (const [text, code] of cases) {
    let found: unknown
    try {
      parse(text)
    } catch (error) {
      found = (error as NacreError).code
    }
    expect(found, `${text}`.slice(0, 40)).toBe(code)
  }
})
