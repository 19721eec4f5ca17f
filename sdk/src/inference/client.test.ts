import { fromHex, type Hex, parseBundle, serializeBundle, verifyReceipt } from '@nacre/verify'
import { describe, expect, test } from 'vitest'
import { NOW, policy, publisher } from '../../../test/mock-authority/bundle.ts'
import {
  createLanguageEnclave,
  type LanguageEnclave,
  type LanguageEnclaveOptions,
  TALES,
} from '../../../test/mock-authority/languageEnclave.ts'
import { createPrivateClient } from './client.ts'
import type { Json } from './openAi.ts'
import type { PrivateClientOptions } from './options.ts'

const url = 'https://gateway.example'
const OTHER: Hex = `0x${'11'.repeat(20)}`
const prompt = { model: 'tales', messages: [{ role: 'user', content: 'Tell me a secret' }] }

/** What a gateway does: changes on the way there and back. */
type Gateway = (request: Request, pass: (request: Request) => Promise<Response>) => Promise<Response>

function clientOf(
  enclave: LanguageEnclave,
  options: Partial<PrivateClientOptions> = {},
  gateway: Gateway = (request, pass) => pass(request),
) {
  const asked: Request[] = []
  const client = createPrivateClient({
    ...{ url, policy, models: { tales: TALES }, now: () => NOW },
    fetch: async (input, init) => {
      const request = new Request(input, init)
      asked.push(request.clone())
      return gateway(request, enclave.fetch)
    },
    ...options,
  })
  return { client, asked }
}

async function textOf(chunks: AsyncIterable<Json>): Promise<string> {
  let text = ''
  for await (const chunk of chunks) {
    const [choice] = chunk.choices as { delta?: { content: string }; text?: string }[]
    text += choice?.delta?.content ?? choice?.text ?? ''
  }
  return text
}

const isPost = (request: Request): boolean => request.method === 'POST'

/** A code, and the checks that a message names. */
async function failureOf(run: () => Promise<unknown>): Promise<string> {
  try {
    return `none: ${JSON.stringify(await run())}`
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`
  }
}

describe('an honest gateway', () => {
  test('a chat, whole and as a stream, with receipts that verify', async () => {
    const enclave = await createLanguageEnclave()
    const { client } = clientOf(enclave)
    const answer = await client.chat.completions.create(prompt)
    expect(answer).toMatchObject({ choices: [{ message: { content: 'Once upon a time' } }] })
    for (const ask of [client.chat.completions, client.completions]) {
      expect(await textOf(await ask.create({ ...prompt, stream: true }))).toBe('Once upon a time')
      const bundle = parseBundle(serializeBundle(client.lastReceipt as never))
      expect(verifyReceipt(bundle, policy, { time: NOW }).ok).toBe(true)
      expect(new TextDecoder().decode(fromHex(bundle.input))).toContain('Tell me a secret')
    }
  })

  test('sees no text, and no header but its own', async () => {
    const enclave = await createLanguageEnclave()
    const { client, asked } = clientOf(enclave, { apiKey: 'for-the-gateway' })
    const response = await client.fetch(`${client.baseURL}/chat/completions`, {
      method: 'POST',
      headers: {
        ...{ 'x-stainless-os': 'Linux', cookie: 'a=b', 'user-agent': 'mine' },
        authorization: 'Bearer sk-of-somebody-else',
      },
      body: JSON.stringify(prompt),
    })
    expect(await response.json()).toHaveProperty('choices')
    expect(enclave.opened).toEqual([JSON.stringify(prompt)])
    for (const request of asked) {
      expect(await request.text()).not.toContain('secret')
      expect(request.headers.get('authorization')).toBe('Bearer for-the-gateway')
      expect([...request.headers.keys()]).not.toContain('x-stainless-os')
    }
  })

  test('is told no key where the options have none, whatever the caller sends', async () => {
    const enclave = await createLanguageEnclave()
    const { client, asked } = clientOf(enclave)
    const body = JSON.stringify(prompt)
    for (const call of ['chat/completions', 'completions']) {
      const headers = { authorization: 'Bearer sk-of-openai' }
      await (await client.fetch(`${client.baseURL}/${call}`, { method: 'POST', headers, body })).text()
    }
    await client.fetch(`${client.baseURL}/models`, { headers: { authorization: 'Bearer sk-of-openai' } })
    expect(asked.filter(isPost)).toHaveLength(2)
    expect(asked.filter(({ headers }) => headers.has('authorization'))).toEqual([])
  })

  test('is asked for evidence once, until the policy finds it too old', async () => {
    const enclave = await createLanguageEnclave()
    let time = NOW
    const { client, asked } = clientOf(enclave, { now: () => time })
    const reports = () => asked.filter(({ url }) => url.includes('/attestation/')).length
    await Promise.all([1, 2, 3].map(() => client.enclaves('tales')))
    await client.chat.completions.create(prompt)
    expect(reports()).toBe(1)
    time = NOW + BigInt(policy.maxEvidenceAge) + 1n
    expect(await failureOf(() => client.chat.completions.create(prompt))).toContain('evidence-age')
    expect(reports()).toBe(2)
  })

  test('a model may have another name there, and its hash is a name, too', async () => {
    const enclave = await createLanguageEnclave({ model: 'operators/own-name' })
    const { client } = clientOf(enclave)
    await client.chat.completions.create(prompt)
    await client.chat.completions.create({ ...prompt, model: TALES })
    const named = enclave.opened.map(body => JSON.parse(body).model)
    expect(named).toEqual(['operators/own-name', 'operators/own-name'])
  })

  test('tokens are passed on before the receipt is there, or held back until it is', async () => {
    const enclave = await createLanguageEnclave({ words: ['one', 'two', 'three'] })
    for (const holdBack of [false, true]) {
      let receipts = 0
      const { client } = clientOf(enclave, { holdBack, onReceipt: () => receipts++ })
      const chunks = await client.completions.create({ ...prompt, stream: true })
      for await (const _ of chunks) break
      expect(receipts).toBe(holdBack ? 1 : 0)
    }
  })
})

describe('enclaves that no request is sent to', () => {
  const artifact: Hex = `0x${'11'.repeat(32)}`
  test.each<[string, LanguageEnclaveOptions, Partial<PrivateClientOptions>, string]>([
    ['an old one', { attestedAt: NOW - 3601n }, {}, 'unverified-enclave'],
    [
      'one of another release',
      {},
      { policy: { ...policy, releases: [`0x${'11'.repeat(32)}`] } },
      'policy-release',
    ],
    [
      'one that says that a publisher made it',
      {},
      { policy: { ...policy, releases: [], publishers: [publisher] } },
      'policy-release',
    ],
    ['one that simulates', {}, { policy: { ...policy, assurance: ['tee'] } }, 'policy-assurance'],
    [
      'one of another operator',
      {},
      { policy: { ...policy, operators: [`0x${'11'.repeat(20)}`] } },
      'policy-operator',
    ],
    ['one with another file under the name', { artifact }, {}, 'model-not-served'],
    ['one for a name that is not pinned', {}, { models: {} }, 'model-not-pinned'],
    [
      'one whose name is in every object',
      {},
      { models: Object.create({ tales: artifact }) },
      'model-not-pinned',
    ],
  ])('%s', async (_, enclaveOptions, options, reason) => {
    const enclave = await createLanguageEnclave(enclaveOptions)
    const { client, asked } = clientOf(enclave, options)
    expect(await failureOf(() => client.chat.completions.create(prompt))).toContain(reason)
    expect(asked.filter(isPost)).toEqual([])
  })

  const reports: [string, (report: Json, other: Json) => unknown, string][] = [
    ['keys of another', (report, other) => ({ ...report, identity: other.identity }), 'identity'],
    ['evidence of another', (report, other) => ({ ...report, evidence: other.evidence }), 'evidence-nonce'],
    ['an old report', (_, old) => old, 'evidence-nonce'],
    ['no release', ({ release: _, ...report }) => report, 'names no release'],
    ['no report', () => 'no', 'it named none'],
    ['an empty list', report => ({ ...report, attestations: [] }), 'it named none'],
    ['a field too many', report => ({ ...report, more: 1 }), 'not a known field'],
  ]
  test.each(reports)('of which a gateway shows %s', async (_, change, reason) => {
    const [enclave, second] = [await createLanguageEnclave(), await createLanguageEnclave({ name: 'two' })]
    const old = await second.fetch(new Request(`${url}/v1/attestation/report?nonce=0x${'22'.repeat(32)}`))
    const other = (await old.json()) as Json
    const { client, asked } = clientOf(enclave, {}, async (request, pass) => {
      const response = await pass(request)
      if (!request.url.includes('/attestation/')) return response
      return Response.json(change((await response.json()) as Json, other))
    })
    expect(await failureOf(() => client.chat.completions.create(prompt))).toContain(reason)
    expect(asked.filter(isPost)).toEqual([])
  })
})

describe('answers that are refused', () => {
  const artifact: Hex = `0x${'11'.repeat(32)}`
  const wrong: [string, LanguageEnclaveOptions, Partial<PrivateClientOptions>, string][] = [
    ['of another file', { receipt: { artifact } }, {}, 'artifact'],
    ['to another request', { receipt: { inputHash: artifact } }, {}, 'unverified-answer'],
    ['of other bytes', { receipt: { outputHash: artifact } }, {}, 'output'],
    ['under another nonce', { receipt: { requestId: artifact } }, {}, 'request-id'],
    ['of an engine without settings', { settings: false }, {}, 'settings'],
    ['of an engine that failed on the way', { receipt: { status: 3 } }, {}, 'error-answer'],
    ['that cost too much', {}, { maxPrice: 49n }, 'price-too-high'],
    ['with a price in another token', { usage: { token: OTHER } }, { maxPrice: 50n }, 'price-too-high'],
    ['and none of this token', {}, { maxPrice: 50n, priceToken: OTHER }, 'price-too-high'],
  ]
  test.each(wrong)('%s', async (_, enclaveOptions, options, reason) => {
    const enclave = await createLanguageEnclave(enclaveOptions)
    for (const holdBack of [false, true]) {
      const seen: boolean[] = []
      const onReceipt: PrivateClientOptions['onReceipt'] = (_, { ok, status }) =>
        seen.push(ok && status === 0)
      const { client } = clientOf(enclave, { ...options, holdBack, onReceipt })
      const whole = await failureOf(() => client.chat.completions.create(prompt))
      const stream = await failureOf(async () =>
        textOf(await client.completions.create({ ...prompt, stream: true })),
      )
      expect([whole, stream]).toEqual([expect.stringContaining(reason), expect.stringContaining(reason)])
      expect(seen).toEqual([false, false])
    }
  })
})

describe('a gateway that does something to what is sealed', () => {
  type Change = (bytes: Uint8Array) => Uint8Array
  const changes: [string, Change, string][] = [
    ['cuts the end off', bytes => bytes.slice(0, -30), 'cut-off'],
    ['drops the last byte', bytes => bytes.slice(0, -1), 'cut-off'],
    ['adds a byte', bytes => Uint8Array.of(...bytes, 0), 'invalid-seal'],
    [
      'turns a bit',
      bytes => bytes.map((byte, i) => (i === bytes.length - 50 ? byte ^ 1 : byte)),
      'invalid-seal',
    ],
    ['sends it twice', bytes => Uint8Array.of(...bytes, ...bytes), 'invalid-seal'],
  ]
  test.each(changes)('%s', async (_, change, code) => {
    const enclave = await createLanguageEnclave()
    const { client } = clientOf(enclave, {}, async (request, pass) => {
      const response = await pass(request)
      if (!isPost(request)) return response
      const body = change(new Uint8Array(await response.arrayBuffer()))
      return new Response(body as Uint8Array<ArrayBuffer>, { headers: response.headers })
    })
    const whole = await failureOf(() => client.chat.completions.create(prompt))
    const stream = await failureOf(async () =>
      textOf(await client.completions.create({ ...prompt, stream: true })),
    )
    expect([whole, stream]).toEqual([expect.stringContaining(code), expect.stringContaining(code)])
  })

  test('gives the answer of before', async () => {
    const enclave = await createLanguageEnclave()
    let kept: Uint8Array<ArrayBuffer> | undefined
    const { client } = clientOf(enclave, {}, async (request, pass) => {
      const response = await pass(request)
      if (!isPost(request)) return response
      const body = new Uint8Array(await response.arrayBuffer())
      kept ??= body
      return new Response(kept, { headers: response.headers })
    })
    await client.chat.completions.create(prompt)
    expect(await failureOf(() => client.chat.completions.create(prompt))).toContain('invalid-seal')
  })

  test.each<[string, () => Response, string]>([
    ['answers itself', () => Response.json({ choices: [] }), 'downgraded'],
    ['says that nothing is there', () => new Response(null, { status: 204 }), 'downgraded'],
    [
      'refuses',
      () => Response.json({ error: { message: 'pay first', code: 'no_key' } }, { status: 401 }),
      'no_key',
    ],
    ['refuses with a page', () => new Response('<html>', { status: 403 }), '403'],
    ['breaks the connection', () => Response.error(), 'unreachable'],
  ])('%s', async (_, answer, reason) => {
    const enclave = await createLanguageEnclave()
    const { client } = clientOf(enclave, {}, async (request, pass) => {
      if (!isPost(request)) return pass(request)
      const response = answer()
      if (response.type === 'error') throw new TypeError('the connection broke')
      return response
    })
    expect(await failureOf(() => client.chat.completions.create(prompt))).toContain(reason)
    expect(enclave.opened).toEqual([])
  })

  test('falls silent: the call ends by itself', async () => {
    const enclave = await createLanguageEnclave()
    const { client } = clientOf(enclave, { idleTimeoutMs: 50 }, async (request, pass) =>
      isPost(request) ? await silence(request.signal) : pass(request),
    )
    expect(await failureOf(() => client.chat.completions.create(prompt))).toContain('unreachable')
  })
})

test('a request goes to another enclave, sealed anew, when the first is gone before its answer', async () => {
  const enclaves = [await createLanguageEnclave(), await createLanguageEnclave({ name: 'two' })]
  for (const dead of enclaves) {
    const nonces: (string | null)[] = []
    const gateway: Gateway = async request => {
      if (isPost(request)) {
        nonces.push(request.headers.get('x-nacre-nonce'))
        const enclave = enclaves.find(one => one.receiptKey === request.headers.get('x-nacre-enclave'))
        return enclave === dead
          ? new Response('{}', { status: 502 })
          : (enclave as LanguageEnclave).fetch(request)
      }
      const all = await Promise.all(enclaves.map(enclave => enclave.fetch(request.clone())))
      if (!request.url.includes('/attestation/')) return all[0] as Response
      const attestations = await Promise.all(all.map(response => response.json() as Promise<Json>))
      return Response.json({ ...attestations[0], attestations })
    }
    const { client } = clientOf(dead, {}, gateway)
    for (let i = 0; i < 4; i++) await client.chat.completions.create(prompt)
    expect(new Set(nonces).size).toBe(nonces.length)
    expect(dead.opened.length).toBe(0)
    for (const one of enclaves) one.opened.length = 0
  }
})

test('an enclave that is dropped while others are looked for in vain: each call has its own error', async () => {
  const enclave = await createLanguageEnclave()
  const [looking, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  // The first call fails when both are under way: one that comes later would only wait for what is looked for.
  const both = Promise.withResolvers<void>()
  let [reports, posts] = [0, 0]
  const { client } = clientOf(enclave, {}, async (request, pass) => {
    if (isPost(request)) {
      if (++posts === 1) {
        await both.promise
        return new Response('{}', { status: 502 })
      }
      both.resolve()
      await looking.promise
      return Response.json({ choices: [] })
    }
    if (request.url.includes('/attestation/') && ++reports > 1) {
      looking.resolve()
      await ended.promise
      return Response.json({})
    }
    return pass(request)
  })
  await client.enclaves('tales')
  const calls = [1, 2].map(() => failureOf(() => client.chat.completions.create(prompt)))
  expect(await Promise.race(calls)).toContain('downgraded')
  ended.resolve()
  expect((await Promise.all(calls)).join()).toContain('unverified-enclave')
})

test('calls that fail, and calls that are left, hold no connection', async () => {
  const enclave = await createLanguageEnclave()
  const signals: AbortSignal[] = []
  const endless = () => new ReadableStream({ pull: () => new Promise(() => {}) })
  const clear = clientOf(enclave, {}, async (request, pass) => {
    if (!isPost(request)) return pass(request)
    signals.push(request.signal)
    return new Response(endless(), { headers: { 'content-type': 'application/json' } })
  })
  expect(await failureOf(() => clear.client.chat.completions.create(prompt))).toContain('downgraded')
  const silent = clientOf(enclave, {}, async (request, pass) => {
    const response = await pass(request)
    if (!isPost(request)) return response
    signals.push(request.signal)
    const { signal } = request
    const body = new ReadableStream<Uint8Array>({
      start: controller => signal.addEventListener('abort', () => controller.error(signal.reason)),
    })
    const sent = response.body as ReadableStream<Uint8Array>
    return new Response(joined(sent, body), { headers: response.headers })
  })
  let words = 0
  const chunks = await silent.client.completions.create({ ...prompt, stream: true })
  for await (const _ of chunks) if (++words === 3) break
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
})

test('an abort ends the call with the caller’s reason, before and during the answer', async () => {
  const enclave = await createLanguageEnclave()
  const before = AbortSignal.abort(new Error('not any more'))
  const { client } = clientOf(enclave)
  const call = client.chat.completions.create(prompt, { signal: before })
  await expect(call).rejects.toThrow('not any more')
  let cancelled = false
  const endless = clientOf(enclave, {}, async (request, pass) => {
    const response = await pass(request)
    if (!isPost(request)) return response
    const body = new ReadableStream({
      cancel() {
        cancelled = true
      },
    })
    return new Response(joined(response.body as ReadableStream<Uint8Array>, body), {
      headers: response.headers,
    })
  })
  const chunks = await endless.client.completions.create({ ...prompt, stream: true })
  for await (const _ of chunks) break
  await expect.poll(() => cancelled).toBe(true)
})

test('only calls of the API are made, and only there', async () => {
  const enclave = await createLanguageEnclave()
  const { client, asked } = clientOf(enclave)
  expect((await client.fetch(`${client.baseURL}/files`, { method: 'POST', body: '{}' })).status).toBe(404)
  const elsewhere = () =>
    client.fetch('https://api.example/v1/chat/completions', { method: 'POST', body: '{}' })
  expect(await failureOf(elsewhere)).toContain('not-private')
  const noModel = () => client.fetch(`${client.baseURL}/completions`, { method: 'POST', body: '{"a":1}' })
  expect(await failureOf(noModel)).toContain('not-private')
  const cut = () => client.fetch(`${client.baseURL}/completions`, { method: 'POST', body: 'a secret' })
  expect(await failureOf(cut)).toMatch(/^not-private: (?!.*secret)/)
  expect(asked).toEqual([])
  expect(await client.models.list()).toMatchObject({ data: [{ id: 'tales', artifact: TALES }] })
})

function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

/** The first stream without its last piece, and then the second. */
function joined(
  first: ReadableStream<Uint8Array>,
  second: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const reader = first.getReader()
  const rest = second.getReader()
  return new ReadableStream({
    async pull(controller) {
      const { value } = await reader.read()
      if (value && value.length > 100) controller.enqueue(value)
      else await rest.read()
    },
    cancel: () => rest.cancel(),
  })
}
