import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSocketServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { configHash } from '@nacre/verify'
import { decodeProof } from '@nacre/verify/inference'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ANCHOR, type LanguageEnclave, PRICES, startLanguageEnclave } from '../../test/languageEnclave.ts'
import { generation, piecesOf } from '../../test/languageModel.ts'
import { createChoices, generateAll } from '../inference/choices.ts'
import { callOf } from './body.ts'
import { createUpstreamEngine } from './engine.ts'
import { parseUpstream, requireUpstream, type Upstream, upstreamHash } from './upstream.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-engine-'))
const messages = [{ role: 'user' as const, content: 'what is a ship ?' }]
const open = new Set<Socket>()
/** The other engine is one of ours: its API is OpenAI's. */
let engine: LanguageEnclave
let enclave: LanguageEnclave
let socket: Awaited<ReturnType<typeof listen>>
let upstream: Upstream

beforeAll(async () => {
  engine = await startLanguageEnclave()
  const artifact = await engine.addModel('inner')
  await engine.client.setTerms({ anchor: ANCHOR, prices: PRICES })
  const { dimensions } = await embeddingOf(engine.url)
  socket = await listen(join(dir, 'engine.sock'))
  upstream = {
    address: `unix:${join(dir, 'engine.sock')}`,
    engine: 'nacre-llama/1',
    models: [{ id: 'outer', name: 'inner', artifact, contextLength: 512, kind: 'chat', dimensions }],
  }
  enclave = await startLanguageEnclave({}, {}, upstream)
  await enclave.client.setTerms({ anchor: ANCHOR, prices: PRICES })
}, 240_000)

afterAll(async () => {
  await enclave?.close()
  for (const one of open) one.destroy()
  socket?.close()
  await engine?.close()
  rmSync(dir, { recursive: true, force: true })
})

const clientOf = ({ url }: LanguageEnclave) => new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0 })

test('it answers as the engine does, and its receipt names that engine and no other', async () => {
  const asked = { messages, max_tokens: 12, seed: 3, temperature: 0.7, logprobs: true, top_logprobs: 2 }
  const inner = await clientOf(engine).chat.completions.create({ model: 'inner', ...asked })
  const { data, response } = await clientOf(enclave)
    .chat.completions.create({ model: 'outer', ...asked })
    .withResponse()
  expect(data.choices[0]?.message).toEqual(inner.choices[0]?.message)
  expect(data.choices[0]?.logprobs?.content?.map(({ logprob }) => logprob)).toEqual(
    inner.choices[0]?.logprobs?.content?.map(({ logprob }) => logprob),
  )
  expect(data.usage).toMatchObject({ ...inner.usage })
  const { parameters, receipt } = decodeProof(response.headers.get('x-nacre-receipt') ?? '')
  expect(parameters.engine).toBe('nacre-llama/1')
  expect(JSON.parse(parameters.settings ?? '')).toMatchObject({ kernel: { upstream: true } })
  expect(receipt.configHash).toBe(configHash(enclave.config))
  expect(enclave.config).toMatchObject({ version: 2, engineHash: upstreamHash(upstream) })
})

test('streams, texts, JSON by a schema, tools and embeddings', async () => {
  const openai = clientOf(enclave)
  const final = await openai.chat.completions
    .stream({ model: 'outer', messages, max_tokens: 8, seed: 1 })
    .finalChatCompletion()
  const whole = await openai.chat.completions.create({ model: 'outer', messages, max_tokens: 8, seed: 1 })
  expect(final.choices[0]?.message.content).toBe(whole.choices[0]?.message.content)
  const asked = { prompt: 'a ship is', max_tokens: 6, temperature: 0, logprobs: 1 }
  const text = await openai.completions.create({ model: 'outer', ...asked })
  const inner = await clientOf(engine).completions.create({ model: 'inner', ...asked })
  expect(text.choices[0]?.text).toBe(inner.choices[0]?.text)
  expect(text.choices[0]?.logprobs?.token_logprobs).toEqual(inner.choices[0]?.logprobs?.token_logprobs)
  const schema = {
    type: 'object',
    properties: { n: { enum: [1, 2] } },
    required: ['n'],
    additionalProperties: false,
  }
  const json = await openai.chat.completions.create({
    ...{ model: 'outer', messages, max_tokens: 64 },
    response_format: { type: 'json_schema', json_schema: { name: 'n', strict: true, schema } },
  })
  expect([1, 2]).toContain(JSON.parse(json.choices[0]?.message.content ?? '').n)
  const tool = { type: 'function' as const, function: { name: 'pick', parameters: schema } }
  const called = await openai.chat.completions.create({
    ...{ model: 'outer', messages, max_tokens: 128, tools: [tool], tool_choice: 'required' },
  })
  expect(called.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'pick' } })
  const [ours, theirs] = [await embeddingOf(enclave.url, 'outer'), await embeddingOf(engine.url)]
  expect(ours.vector).toEqual(theirs.vector)
})

test('a client that leaves pays for the tokens that it was sent, and for those on their way', async () => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
  const body = JSON.stringify({ model: 'outer', messages, stream: true, seed: 1, temperature: 1 })
  const response = await fetch(`${enclave.url}/chat/completions`, { ...init, body })
  const reader = response.body!.getReader()
  let text = ''
  while (text.split('\n\n').length < 4)
    text += new TextDecoder().decode((await reader.read()).value, { stream: true })
  await reader.cancel()
  const { id } = JSON.parse(text.slice(6).split('\n')[0]!)
  const usage = await vi.waitFor(async () => {
    const found = await fetch(`${enclave.url}/receipts/${id}`)
    expect(found.status).toBe(200)
    return ((await found.json()) as { usage: { units: number; price: string } }).usage
  }, 20_000)
  expect(usage.units).toBeGreaterThanOrEqual(2)
  expect(Number(usage.price)).toBeGreaterThanOrEqual(2 * Number(PRICES.completion))
})

describe('an engine that answers nothing sensible', () => {
  let server: Server
  let answer: (request: IncomingMessage, response: ServerResponse) => void
  let broken: Upstream

  beforeAll(async () => {
    server = createServer(
      (request, response) => void request.resume().on('end', () => answer(request, response)),
    )
    server.listen(join(dir, 'broken.sock'))
    await once(server, 'listening')
    broken = { ...upstream, address: `unix:${join(dir, 'broken.sock')}` }
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
  const word = event({ choices: [{ delta: { content: 'word' } }] })
  const usage = { prompt_tokens: 3, completion_tokens: 1 }
  const end = event({ choices: [{ delta: {}, finish_reason: 'stop' }], usage })
  const cases: [string, number, string, string][] = [
    ['cut off', 200, word, 'engine-failed'],
    ['without an end', 200, `${word}data: [DONE]\n\n`, 'engine-failed'],
    ['without its usage', 200, `${word}${end.replace('usage', 'abuse')}data: [DONE]\n\n`, 'engine-failed'],
    ['more tokens than were asked for', 200, `${word.repeat(20)}${end}data: [DONE]\n\n`, 'engine-failed'],
    [
      'a count that is none',
      200,
      `${event({ choices: [{ delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: -1 } })}data: [DONE]\n\n`,
      'engine-failed',
    ],
    [
      'more tokens than a context has',
      200,
      `${event({ choices: [{ delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: 512, completion_tokens: 1 } })}data: [DONE]\n\n`,
      'engine-failed',
    ],
    ['a tool call of its own', 200, event({ choices: [{ finish_reason: 'tool_calls' }] }), 'engine-failed'],
    ['an error in its stream', 200, event({ error: { message: 'x' } }), 'engine-failed'],
    ['no JSON', 200, 'data: {\n\n', 'engine-failed'],
    ['no UTF-8', 200, '\xff', 'engine-failed'],
    ['an endless line', 200, `data: "${'x'.repeat(300_000)}`, 'engine-failed'],
    ['status 500', 500, '{}', 'engine-failed'],
    ['status 429', 429, '{}', 'queue-full'],
    [
      'a context that is full',
      400,
      '{"error":{"code":"context_length_exceeded"}}',
      'context-length-exceeded',
    ],
    ['another refusal', 400, '{"error":{"message":"seed?"}}', 'unsupported-model'],
  ]
  test.each(cases)('%s', async (_, status, body, code) => {
    answer = (_request, response) => response.writeHead(status).end(Buffer.from(body, 'latin1'))
    const asked = piecesOf(createUpstreamEngine(broken, 4), upstream.models[0]!, {
      ...generation(''),
      prompt: { messages },
    })
    await expect(asked).rejects.toMatchObject({ code })
  })

  test.each([-1, 513, 1.5])('a text to embed of %d tokens', async tokens => {
    const embedding = Array(upstream.models[0]!.dimensions).fill(0)
    const body = { data: [{ index: 0, embedding }], usage: { prompt_tokens: tokens } }
    answer = (_, response) => response.writeHead(200).end(JSON.stringify(body))
    const asked = createUpstreamEngine(broken, 1).embed(
      upstream.models[0]!.artifact,
      [{ text: 'a' }],
      new AbortController().signal,
    )
    await expect(asked).rejects.toMatchObject({ code: 'engine-failed' })
  })

  test('one that dies while a piece is on its way is told to whoever asks for the next, and harms nobody', async () => {
    const begun = Promise.withResolvers<ServerResponse>()
    answer = (_, response) => {
      response.writeHead(200).write(word)
      begun.resolve(response)
    }
    const unhandled: unknown[] = []
    const note = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', note)
    const pieces = generateAll(
      createUpstreamEngine(broken, 1),
      upstream.models[0]!.artifact,
      [{ ...generation(''), prompt: { messages } }],
      new AbortController().signal,
    )
    for (const type of ['start', 'token'])
      expect(await pieces.next()).toMatchObject({ value: { piece: { type } } })
    const response = await begun.promise
    const closed = once(response, 'close')
    response.destroy()
    await closed
    await sleep(200)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
    await expect(pieces.next()).rejects.toMatchObject({ code: 'engine-failed' })
  })

  test('a client that goes away ends the call, and its place is free again', async () => {
    const closed = Promise.withResolvers<void>()
    answer = (_, response) => void response.on('close', closed.resolve).writeHead(200).write(word)
    const one = createUpstreamEngine(broken, 1)
    const gone = new AbortController()
    const asked = { ...generation(''), prompt: { messages } }
    const first = one.generate(upstream.models[0]!.artifact, asked, gone.signal)[Symbol.asyncIterator]()
    expect((await first.next()).value).toMatchObject({ type: 'start' })
    await expect(piecesOf(one, upstream.models[0]!, asked)).rejects.toMatchObject({ code: 'queue-full' })
    gone.abort()
    await expect(first.next().then(() => first.next())).rejects.toBe(gone.signal.reason)
    await closed.promise
    answer = (_, response) => void response.writeHead(200).end(`${word}${end}data: [DONE]\n\n`)
    expect((await piecesOf(one, upstream.models[0]!, asked)).at(-1)).toMatchObject({ promptTokens: 3 })
  })

  test.each([
    ['nacre-llama/1', undefined, 0],
    ['vllm/0.11.0', true, 3],
    ['sglang/0.5.3', true, 3],
  ])('what %s had made for a client that leaves is counted', async (engine, tellsAlways, prompt) => {
    const model = upstream.models[0]!
    const asked = { ...generation(''), prompt: { messages } }
    const { body } = callOf(engine, model, asked) as { body: { stream_options: object } }
    expect(body.stream_options).toEqual({
      include_usage: true,
      ...(tellsAlways && { continuous_usage_stats: true }),
    })
    const usage = (completion: number) => ({ usage: { prompt_tokens: 3, completion_tokens: completion } })
    const words = [1, 2].map(count =>
      event({ choices: [{ delta: { content: 'word ' } }], ...(tellsAlways && usage(count)) }),
    )
    answer = (_, response) => void response.writeHead(200).write(words.join(''))
    const one = createUpstreamEngine({ ...broken, engine }, 1)
    const choices = createChoices(1, 1, { as: 'text' }, false)
    const pieces = generateAll(one, model.artifact, [asked], new AbortController().signal)
    for (let tokens = 0; tokens < 2; ) {
      const { value } = await pieces.next()
      choices.take(value!.index, value!.piece)
      if (value!.piece.type === 'token') tokens++
    }
    await pieces.return()
    expect(choices.tokens()).toEqual({ prompt, completion: 2 })
  })

  test('an engine that is not there', async () => {
    const nobody = createUpstreamEngine({ ...upstream, address: `unix:${join(dir, 'none.sock')}` }, 4)
    await expect(piecesOf(nobody, upstream.models[0]!, generation('x'))).rejects.toMatchObject({
      code: 'engine-failed',
    })
  })
})

describe('descriptions', () => {
  const refusals: [string, object][] = [
    ['another machine', { address: 'http://10.0.0.1:8000' }],
    ['a name that may be another machine', { address: 'http://localhost:8000' }],
    ['no port', { address: 'http://127.0.0.1' }],
    ['a port beyond the last', { address: 'http://127.0.0.1:65536' }],
    ['a path behind the port', { address: 'http://127.0.0.1:80/x' }],
    ['a relative socket', { address: 'unix:engine.sock' }],
    ['an unknown field', { tls: true }],
  ]
  test.each(refusals)('%s is refused', (_, fields) => {
    expect(() => parseUpstream({ ...upstream, ...fields }, 'upstream')).toThrow()
  })

  test('an enclave starts with the one that its configuration names, and with no other', async () => {
    expect(() => requireUpstream(enclave.config, upstream)).not.toThrow()
    const other = { ...upstream, engine: 'nacre-llama/2' }
    expect(() => requireUpstream(enclave.config, other)).toThrow('engineHash')
    const { engineHash: _, ...without } = enclave.config
    expect(() => requireUpstream({ ...without, version: 1 }, upstream)).toThrow('missing')
  })
})

async function embeddingOf(url: string, model = 'inner'): Promise<{ dimensions: number; vector: number[] }> {
  const openai = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0 })
  const { data } = await openai.embeddings.create({ model, input: 'a ship', encoding_format: 'float' })
  const vector = data[0]?.embedding ?? []
  return { dimensions: vector.length, vector }
}

/** A Unix socket that leads to the engine's API. */
async function listen(path: string) {
  const server = createSocketServer(one => {
    open.add(one)
    one.on('error', () => {}).on('close', () => open.delete(one))
    engine.enclave.connect('api').then(
      other => {
        other.on('error', () => {}).on('close', () => one.destroy())
        one.on('close', () => other.destroy())
        one.pipe(other).pipe(one)
      },
      () => one.destroy(),
    )
  })
  server.listen(path)
  await once(server, 'listening')
  return server
}
