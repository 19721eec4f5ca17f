import { type Hex, type ReceiptBundle, verifyReceipt } from '@nacre/verify'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  ANCHOR,
  type LanguageEnclave,
  PRICES,
  startLanguageEnclave,
} from '../../../enclave/test/languageEnclave.ts'
import { type Call, policyFor, startTestGateway } from '../../../test/testGateway.ts'
import { createPrivateClient } from './client.ts'
import type { PrivateClientOptions } from './options.ts'

/** Two real enclaves, real HTTP, OpenAI's own client; the gateway between them is this test's. */
let enclaves: LanguageEnclave[] = []
let gateway: Awaited<ReturnType<typeof startTestGateway>>
let artifact: Hex

beforeAll(async () => {
  enclaves = [await startLanguageEnclave(), await startLanguageEnclave()]
  for (const enclave of enclaves) {
    artifact = await enclave.addModel('tiny')
    await enclave.client.setTerms({ anchor: ANCHOR, prices: PRICES })
  }
  gateway = await startTestGateway(enclaves)
}, 300_000)

afterAll(async () => {
  await gateway?.close()
  for (const enclave of enclaves) await enclave.close()
})

beforeEach(() => gateway.hostile(async () => false))

function clientOf(options: Partial<PrivateClientOptions> = {}) {
  const policy = policyFor(enclaves)
  const client = createPrivateClient({ url: gateway.url, policy, models: { tiny: artifact }, ...options })
  const openai = new OpenAI({ baseURL: client.baseURL, apiKey: 'none', fetch: client.fetch, maxRetries: 0 })
  return { client, openai, policy }
}

const asked = {
  model: 'tiny',
  messages: [{ role: 'user' as const, content: 'what is a ship ?' }],
  ...{ max_tokens: 8, temperature: 0, seed: 3 },
}

async function streamed(openai: OpenAI): Promise<string> {
  let text = ''
  for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true }))
    text += chunk.choices[0]?.delta.content ?? ''
  return text
}

async function whole(openai: OpenAI): Promise<string> {
  return (await openai.chat.completions.create(asked)).choices[0]?.message.content ?? ''
}

/** Codes of everything that led to an error, the deepest last. */
async function codesOf(run: () => Promise<unknown>): Promise<string[]> {
  const codes: string[] = []
  let error: unknown = await run().then(
    () => undefined,
    cause => cause,
  )
  for (; error instanceof Error; error = error.cause) codes.push(String((error as { code?: string }).code))
  return codes
}

test('OpenAI’s client gets the same text whole and as a stream, each with a receipt that verifies', async () => {
  const bundles: ReceiptBundle[] = []
  const { openai, policy } = clientOf({ onReceipt: bundle => bundles.push(bundle) })
  const text = await whole(openai)
  expect(text.length).toBeGreaterThan(0)
  expect(await streamed(openai)).toBe(text)
  const { data } = await openai.embeddings.create({ model: 'tiny', input: ['a', 'b'] })
  expect(data).toHaveLength(2)
  expect(bundles).toHaveLength(3)
  const time = BigInt(Math.floor(Date.now() / 1000))
  for (const bundle of bundles) expect(verifyReceipt(bundle, policy, { time }).ok).toBe(true)
})

test('the gateway sees no text', async () => {
  const seen: Buffer[] = []
  gateway.hostile(async ({ body }) => {
    seen.push(body)
    return false
  })
  await whole(clientOf().openai)
  expect(Buffer.concat(seen).toString('latin1')).not.toContain('ship')
})

describe('a gateway that', () => {
  const isPost = ({ method }: Call): boolean => method === 'POST'
  const enclaveOf = async (call: Call, other = false): Promise<LanguageEnclave> => {
    const keys = await Promise.all(enclaves.map(one => one.client.identity()))
    const at = keys.findIndex(({ identity }) => identity.receiptKey === call.headers['x-nacre-enclave'])
    return enclaves[other ? 1 - at : at] as LanguageEnclave
  }
  /** Answers sealed requests with what the change makes of the enclave's own bytes. */
  const changing =
    (change: (body: Buffer) => Buffer) =>
    async (call: Call): Promise<boolean> => {
      if (!isPost(call)) return false
      const { headers, body } = await call.ask(await enclaveOf(call))
      call.outgoing.setHeader('content-type', headers['content-type'] as string)
      call.outgoing.end(change(body))
      return true
    }
  let kept: Buffer | undefined

  test.each<[string, (call: Call) => Promise<boolean>, string]>([
    ['alters an answer', changing(body => Buffer.from(body).fill(0, 100, 101)), 'invalid-seal'],
    ['truncates it', changing(body => body.subarray(0, -40)), 'cut-off'],
    ['repeats it', changing(body => Buffer.concat([body, body])), 'invalid-seal'],
    ['adds to it', changing(body => Buffer.concat([body, Buffer.of(0)])), 'invalid-seal'],
    [
      'reorders its chunks',
      changing(body => {
        const first = 33 + 4 + body.readUInt32BE(33)
        const second = first + 4 + body.readUInt32BE(first)
        return Buffer.concat([body.subarray(0, first), body.subarray(second), body.subarray(first, second)])
      }),
      'invalid-seal',
    ],
    [
      'gives an old answer',
      changing(body => {
        kept ??= body
        return kept === body ? Buffer.concat([body, Buffer.of(0)]) : kept
      }),
      'invalid-seal',
    ],
    [
      'answers in the clear',
      async call => {
        if (!isPost(call)) return false
        call.outgoing.setHeader('content-type', 'application/json')
        call.outgoing.end('{"choices":[{"message":{"content":"trust me"}}]}')
        return true
      },
      'downgraded',
    ],
    [
      'sends it to the other enclave, in its name',
      async call => {
        if (!isPost(call)) return false
        const { receiptKey } = (await (await enclaveOf(call, true)).client.identity()).identity
        call.headers['x-nacre-enclave'] = receiptKey
        return false
      },
      'seal_invalid',
    ],
    [
      'shows keys of its own',
      async call => {
        if (!call.path.startsWith('/v1/attestation/')) return false
        const report = JSON.parse((await call.ask(enclaves[0] as LanguageEnclave)).body.toString())
        report.identity.hpkeKey = `0x${'09'.padEnd(64, '0')}`
        call.outgoing.end(JSON.stringify({ ...report, release: enclaves[0]?.release }))
        return true
      },
      'unverified-enclave',
    ],
    [
      'drops the connection',
      async call => isPost(call) && call.outgoing.destroy() !== undefined,
      'unreachable',
    ],
  ])('%s', async (_, hostile, code) => {
    for (const ask of [whole, streamed]) {
      gateway.hostile(hostile)
      expect(await codesOf(() => ask(clientOf().openai))).toContain(code)
    }
  })

  test('takes a sealed request twice: the enclave does not', async () => {
    const codes: string[] = []
    gateway.hostile(async call => {
      if (!isPost(call)) return false
      const enclave = await enclaveOf(call)
      const first = await call.ask(enclave)
      const second = await call.ask(enclave)
      codes.push(JSON.parse(second.body.toString()).error.code)
      call.outgoing.setHeader('content-type', first.headers['content-type'] as string)
      call.outgoing.end(first.body)
      return true
    })
    expect((await whole(clientOf().openai)).length).toBeGreaterThan(0)
    expect(codes).toEqual(['nonce_used'])
  })

  test('loses an enclave: the other answers the same', async () => {
    const expected = await whole(clientOf().openai)
    const dead = (await (enclaves[0] as LanguageEnclave).client.identity()).identity.receiptKey
    gateway.hostile(async call => {
      if (!isPost(call) || call.headers['x-nacre-enclave'] !== dead) return false
      call.outgoing.writeHead(503).end('{}')
      return true
    })
    for (let i = 0; i < 4; i++) expect(await streamed(clientOf().openai)).toBe(expected)
  })
})
