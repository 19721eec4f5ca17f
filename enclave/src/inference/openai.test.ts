import {
  fromHex,
  keccak256,
  parametersHash,
  type Receipt,
  recoverSigner,
  requestId,
  sha256,
  usageHash,
  utf8,
} from '@nacre/verify'
import { decodeProof, type Proof, parseProof } from '@nacre/verify/inference'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ANCHOR,
  jsonOf,
  type LanguageEnclave,
  PRICES,
  startLanguageEnclave,
} from '../../test/languageEnclave.ts'
import { recover } from '../keys.ts'

let started: LanguageEnclave
let openai: OpenAI
let artifact: string

beforeAll(async () => {
  started = await startLanguageEnclave()
  artifact = await started.addModel('tiny', { contextLength: 1024 })
  await started.addModel('org/plain:1', { seed: 2, chatTemplate: null })
  await started.addModel('toolless', {
    seed: 3,
    chatTemplate: '{% for m in messages %}{{ m.content }} {% endfor %}',
  })
  await started.client.setTerms({ anchor: ANCHOR, prices: PRICES })
  openai = new OpenAI({ baseURL: started.url, apiKey: 'none', maxRetries: 0 })
}, 120_000)

afterAll(async () => {
  await started?.close()
})

const messages = [{ role: 'user' as const, content: 'what is a ship ?' }]
const CHAT = { model: 'tiny', messages, max_tokens: 8, seed: 7 }

/** Every hash of a proof, over what was sent and what came. */
async function checkProof(proof: Proof, request: string, output: string): Promise<Receipt> {
  const { receipt, parameters, usage, origin } = proof
  const { identity, config } = await started.client.identity()
  expect(receipt).toMatchObject({
    requestId: requestId(config.chainId, origin),
    inputHash: keccak256(utf8(request)),
    outputHash: keccak256(utf8(output)),
    parametersHash: parametersHash(parameters),
    usageHash: usageHash(usage),
    anchorNumber: ANCHOR.number,
    anchorHash: ANCHOR.hash,
  })
  expect(recoverSigner(config, receipt, proof.signature)).toBe(identity.receiptKey)
  return receipt
}

function post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const own = { 'content-type': 'application/json', ...headers }
  return fetch(`${started.url}${path}`, { method: 'POST', headers: own, body })
}

/** A stream's output, and the proof in the event behind it. */
function split(text: string): { output: string; proof: Proof } {
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  const at = text.lastIndexOf('data: {')
  const [event = ''] = text.slice(at + 6).split('\n')
  return { output: text.slice(0, at), proof: parseProof(JSON.parse(event).nacre, 'proof') }
}

test('models', async () => {
  const { data } = await openai.models.list()
  expect(data.map(({ id }) => id)).toEqual(['tiny', 'org/plain:1', 'toolless'])
  expect(data[0]).toMatchObject({ object: 'model', artifact, context_length: 1024, pricing: PRICES })
  expect(await openai.models.retrieve('org/plain:1')).toMatchObject({ id: 'org/plain:1' })
})

describe('receipts', () => {
  test('of an answer: in the header, over its bytes, with its price', async () => {
    const body = JSON.stringify({ ...CHAT, temperature: 0.5 })
    const response = await post('/chat/completions', body)
    const text = await response.text()
    const proof = decodeProof(response.headers.get('x-nacre-receipt') ?? '')
    const receipt = await checkProof(proof, body, text)
    expect(receipt).toMatchObject({ artifact, status: 0 })
    const { usage, id } = JSON.parse(text)
    const { prompt_tokens: prompt, completion_tokens: completion } = usage
    expect(proof.usage.units).toBe(BigInt(prompt + completion))
    expect(proof.usage.price).toBe(BigInt(3 * prompt + 5 * completion))
    expect(proof.parameters).toMatchObject({ engine: expect.stringContaining('llama.cpp'), seed: 7n })
    expect(JSON.parse(proof.parameters.settings ?? '')).toMatchObject({
      ...{ api: 'chat.completions', temperature: 0.5, topP: 1, maxTokens: 8, n: 1, contextSize: 1024 },
      kernel: { flashAttention: false },
    })
    const { identity } = await started.client.identity()
    expect(id).toBe(`chatcmpl-${identity.receiptKey.slice(2, 10)}-${receipt.requestId.slice(2)}`)
  })

  test('of a stream: in its last event, over every byte before it', async () => {
    const body = JSON.stringify({ ...CHAT, stream: true })
    const text = await (await post('/chat/completions', body)).text()
    const { output, proof } = split(text)
    await checkProof(proof, body, output)
    expect(output).not.toContain('nacre"')
  })

  test('can be fetched by the answer’s id and by its request id, with evidence and as others sign them', async () => {
    const body = JSON.stringify(CHAT)
    const response = await post('/chat/completions', body)
    const text = await response.text()
    const proof = decodeProof(response.headers.get('x-nacre-receipt') ?? '')
    const { id } = JSON.parse(text)
    for (const name of [id, proof.receipt.requestId]) {
      const fetched = await jsonOf(await fetch(`${started.url}/receipts/${name}`))
      const { identity, config, evidence, evidenceNonce, ...rest } = fetched
      expect(parseProof(rest, 'proof')).toEqual(proof)
      expect({ identity, config }).toEqual({
        identity: (await started.client.identity()).identity,
        config: { ...started.config, chainId: 31_337 },
      })
      expect([evidence.kind, evidenceNonce.length]).toEqual(['simulated', 66])
    }
    const signed = await jsonOf(await fetch(`${started.url}/signature/${id}`))
    const hashes = [body, text].map(part => sha256(utf8(part)).slice(2))
    expect(signed).toMatchObject({ text: hashes.join(':'), signing_algo: 'ecdsa' })
    const digest = keccak256(utf8(`\x19Ethereum Signed Message:\n${signed.text.length}${signed.text}`))
    const bytes = fromHex(signed.signature)
    const key = recover(fromHex(digest), bytes.subarray(0, 64), (bytes[64]! - 27) as 0 | 1)
    expect(`0x${keccak256(key.subarray(1)).slice(-40)}`).toBe(signed.signing_address)
    const unknown = await fetch(`${started.url}/receipts/0x${'ab'.repeat(32)}`)
    expect([unknown.status, (await jsonOf(unknown)).error.code]).toEqual([404, 'not_found'])
  })

  test('with a client’s nonce: it is the request’s, once', async () => {
    const nonce = `0x${'5c'.repeat(32)}`
    const first = await post('/chat/completions', JSON.stringify(CHAT), { 'x-nacre-nonce': nonce })
    await first.text()
    const proof = decodeProof(first.headers.get('x-nacre-receipt') ?? '')
    expect(proof.origin).toEqual({ type: 'client', nonce })
    for (const stream of [false, true]) {
      const again = await post('/chat/completions', JSON.stringify({ ...CHAT, stream }), {
        'x-nacre-nonce': nonce,
      })
      expect([again.status, (await jsonOf(again)).error.code]).toEqual([409, 'nonce_used'])
    }
  })
})

describe('chats', () => {
  test('the stream helper puts the same answer together', async () => {
    const whole = await openai.chat.completions.create(CHAT)
    const final = await openai.chat.completions.stream(CHAT).finalChatCompletion()
    expect(final.choices[0]?.message.content).toBe(whole.choices[0]?.message.content)
    expect(final.choices[0]?.finish_reason).toBe(whole.choices[0]?.finish_reason)
  })

  test('several choices: the first is the one alone, all have their own, usage is their sum', async () => {
    const [one, three] = await Promise.all([
      openai.chat.completions.create(CHAT),
      openai.chat.completions.create({ ...CHAT, n: 3 }),
    ])
    const said = three.choices.map(({ message }) => message.content)
    expect(said[0]).toBe(one.choices[0]?.message.content)
    expect(new Set(said).size).toBeGreaterThan(1)
    expect(three.usage?.prompt_tokens).toBe(one.usage?.prompt_tokens)
    expect(three.usage?.completion_tokens).toBeGreaterThan(one.usage?.completion_tokens ?? 0)
    const streamed = await openai.chat.completions.stream({ ...CHAT, n: 3 }).finalChatCompletion()
    expect(streamed.choices.map(({ message }) => message.content)).toEqual(said)
  })

  test('probabilities, whole and streamed, and usage at the end of a stream', async () => {
    const asked = { ...CHAT, logprobs: true, top_logprobs: 3 }
    const { choices, usage } = await openai.chat.completions.create(asked)
    const content = choices[0]?.logprobs?.content ?? []
    expect(content.length).toBe(usage?.completion_tokens)
    for (const { logprob, top_logprobs: top, bytes } of content) {
      expect(logprob).toBeLessThanOrEqual(0)
      expect(top).toHaveLength(3)
      expect(Array.isArray(bytes)).toBe(true)
    }
    const tokens = []
    const usages = []
    const options = { include_usage: true }
    for await (const chunk of await openai.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: options,
    })) {
      tokens.push(...(chunk.choices[0]?.logprobs?.content ?? []))
      if (chunk.usage) usages.push(chunk.usage)
    }
    expect(tokens).toEqual(content)
    expect(usages).toEqual([usage])
  })

  test('JSON of a schema, parsed by the client’s helper', async () => {
    const schema = {
      type: 'object',
      properties: { ship: { enum: ['boat', 'raft'] }, sails: { type: 'boolean' } },
      required: ['ship', 'sails'],
      additionalProperties: false,
    }
    const response_format = {
      type: 'json_schema' as const,
      json_schema: { name: 'ship', schema, strict: true },
    }
    const answer = await openai.chat.completions.parse({ ...CHAT, max_tokens: 200, response_format })
    expect(answer.choices[0]?.message.parsed).toEqual({
      ship: expect.stringMatching(/^(boat|raft)$/),
      sails: expect.any(Boolean),
    })
  })
})

describe('tools', () => {
  const parameters = {
    type: 'object',
    properties: { port: { $ref: '#/$defs/port' } },
    required: ['port'],
    additionalProperties: false,
    $defs: { port: { enum: ['north', 'south'] } },
  }
  const tools = [
    { type: 'function' as const, function: { name: 'sail', description: 'to a port', parameters } },
    { type: 'function' as const, function: { name: 'anchor' } },
  ]
  const asked = { ...CHAT, max_tokens: 200, tools }

  test.each(['tiny', 'toolless'])('a call that has to be, of %s', async model => {
    const named = { type: 'function' as const, function: { name: 'sail' } }
    const { choices } = await openai.chat.completions.create({ ...asked, model, tool_choice: named })
    const [call] = choices[0]?.message.tool_calls ?? []
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
    expect(call).toMatchObject({ type: 'function', function: { name: 'sail' } })
    const args = call?.type === 'function' ? JSON.parse(call.function.arguments) : undefined
    expect(['north', 'south']).toContain(args.port)

    const stream = openai.chat.completions.stream({ ...asked, model, tool_choice: named })
    const final = await stream.finalChatCompletion()
    expect(final.choices[0]?.message.tool_calls).toMatchObject([
      { function: call?.type === 'function' && call.function },
    ])
  })

  test('required is one of them; its result goes back, and auto answers in words', async () => {
    const { choices } = await openai.chat.completions.create({ ...asked, tool_choice: 'required' })
    const { message } = choices[0]!
    const [call] = message.tool_calls ?? []
    expect(call?.type === 'function' && ['sail', 'anchor'].includes(call.function.name)).toBe(true)
    const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'done' }
    const next = await openai.chat.completions.create({ ...asked, messages: [...messages, message, result] })
    expect(next.choices[0]?.finish_reason).toMatch(/stop|length/)
    expect(next.choices[0]?.message.tool_calls).toBeUndefined()
  })
})

describe('completions', () => {
  test('text and tokens, whole and streamed', async () => {
    const asked = { model: 'org/plain:1', prompt: 'the harbour', max_tokens: 6, seed: 3 }
    const { choices } = await openai.completions.create(asked)
    let text = ''
    for await (const chunk of await openai.completions.create({ ...asked, stream: true }))
      text += chunk.choices[0]?.text ?? ''
    expect(text).toBe(choices[0]?.text)
    expect((await openai.completions.create({ ...asked, prompt: [5, 6, 7] })).usage?.prompt_tokens).toBe(3)
  })

  test('several prompts, probabilities, a stop', async () => {
    const asked = { model: 'tiny', prompt: ['the ship', 'a letter'], n: 2, max_tokens: 5, seed: 1 }
    const { choices, usage } = await openai.completions.create({ ...asked, logprobs: 2 })
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    const counts = choices.map(({ logprobs }) => logprobs?.tokens?.length ?? 0)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(usage?.completion_tokens)
    const [first = ''] = choices[0]!.text.trim().split(' ').slice(1)
    const stopped = await openai.completions.create({
      ...asked,
      prompt: 'the ship',
      n: 1,
      stop: [first || 'e'],
    })
    expect(stopped.choices[0]?.finish_reason).toBe('stop')
    expect(stopped.choices[0]?.text).not.toContain(first || 'e')
  })
})

describe('embeddings', () => {
  test('as the client asks for them, and as numbers', async () => {
    const asked = { model: 'tiny', input: ['a ship', 'a letter'] }
    const { data, usage } = await openai.embeddings.create(asked)
    expect(data).toHaveLength(2)
    const length = Math.hypot(...data[0]!.embedding)
    expect(length).toBeCloseTo(1, 4)
    const numbers = await openai.embeddings.create({ ...asked, encoding_format: 'float' })
    expect(numbers.data[1]?.embedding.map(Math.fround)).toEqual(data[1]?.embedding)
    expect(usage.prompt_tokens).toBeGreaterThan(1)
    const dimensions = data[0]!.embedding.length
    expect((await openai.embeddings.create({ ...asked, dimensions })).data).toHaveLength(2)
  })

  test('of tokens, with a receipt', async () => {
    const body = JSON.stringify({ model: 'tiny', input: [1, 2, 3] })
    const response = await post('/embeddings', body)
    const text = await response.text()
    const proof = decodeProof(response.headers.get('x-nacre-receipt') ?? '')
    await checkProof(proof, body, text)
    expect(proof.usage).toMatchObject({ units: 3n, price: 9n })
    expect(JSON.parse(text).id).toMatch(/^embd-/)
  })
})
