import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Hex, keccak256, toHex, utf8 } from '@nacre/verify'
import { decodeProof, parseProof, parseReport } from '@nacre/verify/inference'
import { parseRaTlsCertificate } from '@nacre/verify/raTls'
import { SEALED, type SealedRequest, sealRequest } from '@nacre/verify/seal'
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
let keys: { receiptKey: Hex; hpkeKey: Hex; tlsKeyHash: Hex }
let nonces = 0

beforeAll(async () => {
  started = await startLanguageEnclave()
  await started.addModel('tiny')
  await started.client.setTerms({ anchor: ANCHOR, prices: PRICES })
  keys = (await started.client.identity()).identity
}, 120_000)

afterAll(async () => {
  await started?.close()
})

const PATH = '/v1/chat/completions'
const ask = (fields: object = {}) =>
  utf8(
    JSON.stringify({
      ...{ model: 'tiny', messages: [{ role: 'user', content: 'what is a ship ?' }], max_tokens: 6, seed: 5 },
      ...fields,
    }),
  )
const freshNonce = (): Hex => `0x${(++nonces).toString(16).padStart(64, '0')}`

type Sent = {
  path?: string
  nonce?: Hex
  headers?: Record<string, string | undefined>
  change?: (body: Uint8Array) => Uint8Array
}

async function seal(body: Uint8Array, { path = PATH, nonce = freshNonce() }: Sent = {}) {
  return { nonce, sealed: await sealRequest({ path, nonce, ...keys, body }) }
}

async function send(nonce: Hex, { body }: Pick<SealedRequest, 'body'>, sent: Sent = {}): Promise<Response> {
  const headers = {
    'content-type': SEALED,
    'x-nacre-nonce': nonce,
    'x-nacre-enclave': keys.receiptKey,
    ...sent.headers,
  }
  const given = Object.entries(headers).filter(([, value]) => value !== undefined) as [string, string][]
  const bytes = sent.change?.(body) ?? body
  return await fetch(started.url.replace('/v1', PATH), {
    method: 'POST',
    headers: given,
    body: bytes as Uint8Array<ArrayBuffer>,
  })
}

async function open(sealed: SealedRequest, response: Response) {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, SEALED])
  expect(response.headers.get('x-nacre-receipt')).toBeNull()
  const { status, headers, body } = await sealed.openAnswer([new Uint8Array(await response.arrayBuffer())])
  const pieces = []
  for await (const piece of body) pieces.push(piece)
  return { status, headers, text: Buffer.concat(pieces).toString() }
}

describe('sealed bodies', () => {
  test('an answer, whose receipt is over what was sealed', async () => {
    const body = ask()
    const { nonce, sealed } = await seal(body)
    const { status, headers, text } = await open(sealed, await send(nonce, sealed))
    expect(status).toBe(200)
    const { receipt, origin } = decodeProof(headers['x-nacre-receipt'] ?? '')
    expect(origin).toEqual({ type: 'client', nonce })
    expect(receipt).toMatchObject({
      inputHash: keccak256(body),
      outputHash: keccak256(utf8(text)),
      status: 0,
    })
  })

  test('a stream', async () => {
    const { nonce, sealed } = await seal(ask({ stream: true }))
    const { headers, text } = await open(sealed, await send(nonce, sealed))
    expect(headers['content-type']).toContain('text/event-stream')
    const at = text.lastIndexOf('data: {')
    const { receipt } = parseProof(JSON.parse(text.slice(at + 6).split('\n')[0] ?? '').nacre, 'proof')
    expect(receipt.outputHash).toBe(keccak256(utf8(text.slice(0, at))))
  })

  test('an error is sealed too', async () => {
    for (const [body, code] of [
      [ask({ model: 'other' }), 'model_not_found'],
      [ask({ stream: true, n: 99 }), 'invalid_value'],
      [utf8('{'), 'invalid_json'],
    ] as const) {
      const { nonce, sealed } = await seal(body)
      const { status, text } = await open(sealed, await send(nonce, sealed))
      expect([status >= 400, JSON.parse(text).error.code]).toEqual([true, code])
    }
  })

  test('cut, changed, moved, replayed, for another: refused in the clear', async () => {
    const { nonce, sealed } = await seal(ask())
    const other = await seal(ask(), { path: '/v1/completions' })
    const flipped = (body: Uint8Array) => body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte))
    const cases: [number, string, Promise<Response>][] = [
      [400, 'seal_invalid', send(nonce, sealed, { change: body => body.subarray(0, -1) })],
      [400, 'seal_invalid', send(nonce, sealed, { change: flipped })],
      [400, 'seal_invalid', send(nonce, sealed, { change: () => new Uint8Array(0) })],
      [400, 'seal_invalid', send(nonce, sealed, { change: body => Uint8Array.of(2, ...body.subarray(1)) })],
      [400, 'seal_invalid', send(freshNonce(), sealed)],
      [400, 'seal_invalid', send(other.nonce, other.sealed)],
      [400, 'nonce_required', send(nonce, sealed, { headers: { 'x-nacre-nonce': undefined } })],
      [400, 'invalid_value', send(nonce, sealed, { headers: { 'x-nacre-nonce': '0x12' } })],
      [421, 'wrong_enclave', send(nonce, sealed, { headers: { 'x-nacre-enclave': `0x${'12'.repeat(20)}` } })],
    ]
    for (const [status, code, sent] of cases) {
      const response = await sent
      expect([response.status, (await jsonOf(response)).error.code]).toEqual([status, code])
    }
    // None of them used it up; two at once get one answer.
    const twice = await Promise.all([send(nonce, sealed), send(nonce, sealed)])
    expect(twice.map(({ status }) => status).sort()).toEqual([200, 409])
    await Promise.all(twice.map(response => response.arrayBuffer()))
    expect((await send(nonce, sealed)).status).toBe(409)
  })
})

test('what was refused used no nonce; what the engine had begun with did, also where its client went away', async () => {
  const { nonce, sealed } = await seal(ask({ model: 'other' }))
  const first = await open(sealed, await send(nonce, sealed))
  // As if it had been held back and came late: the same refusal, sealed anew.
  const again = await send(nonce, sealed)
  expect((await open(sealed, again)).text).toBe(first.text)
  const long = await seal(ask())
  expect((await send(long.nonce, long.sealed)).status).toBe(200)
  expect((await send(long.nonce, long.sealed)).status).toBe(409)
  const left = await seal(ask({ stream: true, max_tokens: 400 }))
  const response = await send(left.nonce, left.sealed)
  await response.body!.cancel()
  expect((await send(left.nonce, left.sealed)).status).toBe(409)
})

describe('TLS that ends in the enclave', () => {
  async function certificateOf(): Promise<Uint8Array> {
    const { port, hostname } = new URL(started.tlsUrl)
    const socket: TLSSocket = connectTls({ port: Number(port), host: hostname, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    expect(socket.getProtocol()).toBe('TLSv1.3')
    const { raw } = socket.getPeerCertificate()
    socket.destroy()
    return raw
  }

  test('its certificate carries the evidence of its key', async () => {
    const { identity, evidence, config } = parseRaTlsCertificate(new Uint8Array(await certificateOf()))
    expect(identity).toEqual((await started.client.identity()).identity)
    expect(config).toEqual(started.config)
    expect(evidence.kind).toBe('simulated')
  })

  test('answers as the other socket does; no older TLS, nothing in the clear', async () => {
    const options = { method: 'POST', rejectUnauthorized: false, agent: false }
    const headers = { 'content-type': 'application/json', 'content-length': ask().length }
    const sent = request(`${started.tlsUrl}/chat/completions`, { ...options, headers })
    sent.end(ask())
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const proof = decodeProof(`${response.headers['x-nacre-receipt']}`)
    expect(proof.receipt.outputHash).toBe(keccak256(Buffer.concat(chunks)))
    const { port, hostname: host } = new URL(started.tlsUrl)
    const old = connectTls({ port: Number(port), host, rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
    await expect(once(old, 'secureConnect')).rejects.toThrow()
    await expect(fetch(`http://${host}:${port}/v1/models`)).rejects.toThrow()
  })
})

test('OpenAI’s client over TLS', async () => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  // Who is at the other end is what the certificate's evidence tells, and nobody's authority.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  try {
    const openai = new OpenAI({ baseURL: started.tlsUrl, apiKey: 'none', maxRetries: 0 })
    const asked = {
      model: 'tiny',
      messages: [{ role: 'user' as const, content: 'who are you ?' }],
      max_tokens: 4,
      seed: 3,
    }
    const whole = await openai.chat.completions.create(asked)
    const streamed = await openai.chat.completions.stream(asked).finalChatCompletion()
    expect(streamed.choices[0]?.message.content).toBe(whole.choices[0]?.message.content)
  } finally {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  }
})

test('an attestation over the nonce that was asked with', async () => {
  const nonce = toHex(new Uint8Array(32).fill(7))
  const response = await fetch(`${started.url}/attestation/report?model=tiny&nonce=${nonce.slice(2)}`)
  const report = parseReport(await response.json(), 'report')
  expect(report).toMatchObject({ model: 'tiny', evidenceNonce: nonce, signing_address: keys.receiptKey })
  expect(report.models).toEqual([{ id: 'tiny', artifact: report.artifact }])
  const drawn = parseReport(await jsonOf(await fetch(`${started.url}/attestation/report`)), 'report')
  expect(drawn.evidenceNonce).not.toBe(nonce)
})
