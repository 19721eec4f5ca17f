import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ANCHOR,
  jsonOf,
  type LanguageEnclave,
  PRICES,
  startLanguageEnclave,
} from '../../test/languageEnclave.ts'

let started: LanguageEnclave

beforeAll(async () => {
  started = await startLanguageEnclave()
  await started.addModel('tiny')
  await started.addModel('plain', { seed: 2, chatTemplate: null })
}, 120_000)

afterAll(async () => {
  await started?.close()
})

const messages = [{ role: 'user', content: 'who are you ?' }]

async function refusal(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const own = { 'content-type': 'application/json', ...headers }
  const response = await fetch(`${started.url}${path}`, {
    method: 'POST',
    headers: own,
    body: body as string,
  })
  const { error } = (await response.json()) as { error: Record<string, unknown> }
  expect(response.headers.get('x-nacre-receipt')).toBeNull()
  return { status: response.status, ...error }
}

const chat = (fields: object) =>
  refusal('/chat/completions', JSON.stringify({ model: 'tiny', messages, ...fields }))

test('without a block and prices nothing is answered', async () => {
  expect(await chat({})).toMatchObject({ status: 503, code: 'not_ready', type: 'server_error' })
  await started.client.setTerms({ anchor: ANCHOR, prices: PRICES })
})

describe('what is no request', () => {
  const bodies: [string, string | Uint8Array, string][] = [
    ['malformed JSON', '{"model": "tiny"', 'invalid_json'],
    ['nothing', '', 'invalid_json'],
    ['invalid UTF-8', Uint8Array.of(0x22, 0xc3, 0x28, 0x22), 'invalid_json'],
    ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d), 'invalid_json'],
    ['a name twice', '{"model": "tiny", "m\\u006fdel": "tiny"}', 'invalid_json'],
    ['a name twice, deep inside', '{"messages": [{"role": "user", "role": "system"}]}', 'invalid_json'],
    ['nesting', '['.repeat(65) + ']'.repeat(65), 'invalid_json'],
    ['a list', '[]', 'invalid_value'],
    [
      'half of a surrogate pair',
      '{"model": "tiny", "messages": [{"role": "user", "content": "\\ud800"}]}',
      'invalid_value',
    ],
  ]
  test.each(bodies)('%s', async (_, body, code) => {
    const max = started.config.maxInput
    expect(body.length).toBeLessThanOrEqual(max)
    expect(await refusal('/chat/completions', body)).toMatchObject({ status: 400, code })
  })

  test('too large, no length, another type, another encoding, another method, another place', async () => {
    const large = 'x'.repeat(started.config.maxInput + 1)
    expect(await refusal('/chat/completions', large)).toMatchObject({
      status: 413,
      code: 'request_too_large',
    })
    const stream = new ReadableStream({
      start: controller => {
        controller.enqueue(new TextEncoder().encode('{}'))
        controller.close()
      },
    })
    const chunked = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: stream,
      duplex: 'half',
    }
    const answer = await fetch(`${started.url}/chat/completions`, chunked as RequestInit)
    expect(answer.status).toBe(411)
    const cases: [string, RequestInit, number, string][] = [
      ['/chat/completions', { method: 'POST', body: '{}' }, 415, 'unsupported_media_type'],
      ['/chat/completions', {}, 405, 'method_not_allowed'],
      ['/models', { method: 'DELETE' }, 405, 'method_not_allowed'],
      ['/engines', {}, 404, 'unknown_url'],
      ['/%ff', {}, 404, 'unknown_url'],
      ['/models/none', {}, 404, 'model_not_found'],
      ['/signature/chatcmpl-1', {}, 404, 'not_found'],
      ['/attestation/report?nonce=12', {}, 400, 'invalid_value'],
      ['/attestation/report?salt=12', {}, 400, 'unknown_parameter'],
      ['/attestation/report?model=none', {}, 404, 'model_not_found'],
      [`/attestation/report?signing_address=0x${'11'.repeat(20)}`, {}, 404, 'not_found'],
    ]
    for (const [path, init, status, code] of cases) {
      const response = await fetch(`${started.url}${path}`, init)
      expect([path, response.status, (await jsonOf(response)).error.code]).toEqual([path, status, code])
    }
    const zipped = await refusal('/chat/completions', '{}', { 'content-encoding': 'gzip' })
    expect(zipped).toMatchObject({ status: 415 })
  })
})

describe('parameters of a chat', () => {
  const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } }
  const format = (schema: unknown) => ({ type: 'json_schema', json_schema: { name: 's', schema } })
  const cases: [string, object, string, string][] = [
    ['unknown', { temprature: 1 }, 'unknown_parameter', 'temprature'],
    ['of another object', { prototype: 1 }, 'unknown_parameter', 'prototype'],
    ['not implemented', { logit_bias: { 5: 1 } }, 'unsupported_parameter', 'logit_bias'],
    ['pictures', { modalities: ['image'] }, 'unsupported_parameter', 'modalities'],
    ['kept', { store: true }, 'unsupported_parameter', 'store'],
    ['temperature', { temperature: 2.1 }, 'invalid_value', 'temperature'],
    ['top_p as text', { top_p: '1' }, 'invalid_value', 'top_p'],
    ['n', { n: 9 }, 'invalid_value', 'n'],
    ['no choices', { n: 0 }, 'invalid_value', 'n'],
    ['a negative limit', { max_tokens: -1 }, 'invalid_value', 'max_tokens'],
    ['two limits', { max_tokens: 1, max_completion_tokens: 2 }, 'invalid_value', 'max_tokens'],
    ['a seed beyond 32 bits', { seed: 2 ** 32 }, 'invalid_value', 'seed'],
    ['five stops', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'invalid_value', 'stop'],
    ['an empty stop', { stop: '' }, 'invalid_value', 'stop'],
    ['stream as text', { stream: 'yes' }, 'invalid_value', 'stream'],
    ['options of no stream', { stream_options: {} }, 'invalid_value', 'stream_options'],
    ['top_logprobs alone', { top_logprobs: 1 }, 'invalid_value', 'top_logprobs'],
    ['21 logprobs', { logprobs: true, top_logprobs: 21 }, 'invalid_value', 'top_logprobs'],
    ['no messages', { messages: [] }, 'invalid_value', 'messages'],
    ['an unknown role', { messages: [{ role: 'king', content: '' }] }, 'invalid_value', 'messages'],
    [
      'an unknown field',
      { messages: [{ role: 'user', content: '', mood: 'good' }] },
      'invalid_value',
      'messages',
    ],
    [
      'a name',
      { messages: [{ role: 'user', content: '', name: 'Ada' }] },
      'unsupported_parameter',
      'messages',
    ],
    [
      'a picture',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }] },
      'unsupported_parameter',
      'messages',
    ],
    ['nothing said', { messages: [{ role: 'assistant' }] }, 'invalid_value', 'messages'],
    ['tools of another type', { tools: [{ type: 'custom' }] }, 'unsupported_parameter', 'tools'],
    ['a tool twice', { tools: [tool, tool] }, 'invalid_value', 'tools'],
    ['a choice without tools', { tool_choice: 'required' }, 'invalid_value', 'tool_choice'],
    [
      'a choice of no tool',
      { tools: [tool], tool_choice: { type: 'function', function: { name: 'g' } } },
      'invalid_value',
      'tool_choice',
    ],
    [
      'a schema that has no grammar',
      { response_format: format({ not: {} }) },
      'invalid_schema',
      'response_format',
    ],
    [
      'tools and a schema',
      { tools: [tool], response_format: format({}) },
      'unsupported_parameter',
      'response_format',
    ],
    ['another model', { model: 'gpt-4' }, 'model_not_found', 'model'],
    ['a model without a template', { model: 'plain' }, 'unsupported_parameter', 'messages'],
    [
      'a prompt over the context',
      { messages: [{ role: 'user', content: 'ship '.repeat(2000) }] },
      'context_length_exceeded',
      'messages',
    ],
  ]
  test.each(cases)('%s', async (_, fields, code, param) => {
    for (const stream of [undefined, true]) {
      if (stream && 'stream_options' in fields) continue
      const { status, ...error } = await chat({ ...(stream && { stream }), ...fields })
      expect(error).toMatchObject({ code, param, type: 'invalid_request_error' })
      expect(status).toBe(code === 'model_not_found' ? 404 : 400)
    }
  })

  test('defaults that change nothing are taken', async () => {
    const openai = new OpenAI({ baseURL: started.url, apiKey: 'none', maxRetries: 0 })
    const { choices } = await openai.chat.completions.create({
      ...{ model: 'tiny', max_completion_tokens: 2, logit_bias: null, service_tier: 'auto', store: false },
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'be kind' }] },
        { role: 'user', content: '' },
      ],
      ...{
        stop: null,
        response_format: { type: 'text' },
        parallel_tool_calls: true,
        user: 'me',
        metadata: null,
      },
    })
    expect(choices).toHaveLength(1)
  })
})

test('parameters of completions and embeddings', async () => {
  const cases: [string, object, string, string][] = [
    ['/completions', { model: 'tiny' }, 'invalid_value', 'prompt'],
    ['/completions', { model: 'tiny', prompt: ['a', 'b', 'c'], n: 3 }, 'invalid_value', 'n'],
    ['/completions', { model: 'tiny', prompt: 'a', echo: true }, 'unsupported_parameter', 'echo'],
    ['/completions', { model: 'tiny', prompt: 'a', best_of: 2 }, 'unsupported_parameter', 'best_of'],
    ['/completions', { model: 'tiny', prompt: [2 ** 30] }, 'invalid_value', 'prompt'],
    ['/completions', { model: 'tiny', prompt: 'a', messages: [] }, 'unknown_parameter', 'messages'],
    ['/embeddings', { model: 'tiny', input: [] }, 'invalid_value', 'input'],
    ['/embeddings', { model: 'tiny', input: 'a', dimensions: 1 }, 'unsupported_parameter', 'dimensions'],
    [
      '/embeddings',
      { model: 'tiny', input: 'a', encoding_format: 'hex' },
      'invalid_value',
      'encoding_format',
    ],
  ]
  for (const [path, body, code, param] of cases)
    expect(await refusal(path, JSON.stringify(body))).toMatchObject({ status: 400, code, param })
})
