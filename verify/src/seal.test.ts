import { DhkemX25519HkdfSha256 } from '@hpke/core'
import { describe, expect, test } from 'vitest'
import pyca from '../../vectors/hpke/pyca.json' with { type: 'json' }
import { concat, fromHex, type Hex, toHex, utf8 } from './bytes.ts'
import {
  createRecipient,
  type OpenedRequest,
  openRequest,
  type RecipientKey,
  type SealBinding,
  type SealedRequest,
  sealRequest,
} from './seal.ts'
import { type AnswerHead, MAX_HEAD } from './sealedHead.ts'

const binding: SealBinding = {
  path: '/v1/chat/completions',
  nonce: `0x${'ab'.repeat(32)}`,
  receiptKey: `0x${'cd'.repeat(20)}`,
}
const head: AnswerHead = { status: 200, headers: { 'content-type': 'text/event-stream' } }

async function exchange(body = utf8('{}')): Promise<{ sealed: SealedRequest; opened: OpenedRequest }> {
  const recipient = await createRecipient()
  const sealed = await sealRequest({ ...binding, hpkeKey: recipient.hpkeKey, body })
  return { sealed, opened: await openRequest({ ...binding, recipient, sealed: sealed.body }) }
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  return concat(...parts)
}

function* split(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test('opens what another implementation sealed', async () => {
  const kem = new DhkemX25519HkdfSha256()
  const key = {
    privateKey: await kem.deserializePrivateKey(fromHex(pyca.privateKey)),
    publicKey: await kem.deserializePublicKey(fromHex(pyca.hpkeKey)),
  } as RecipientKey
  const { path, nonce, receiptKey } = pyca as unknown as SealBinding
  const recipient = { hpkeKey: pyca.hpkeKey as Hex, key }
  const opened = await openRequest({ path, nonce, receiptKey, recipient, sealed: fromHex(pyca.sealed) })
  expect(toHex(opened.body)).toBe(pyca.body)
})

test('an answer comes back as it was, however its bytes are split', async () => {
  const pieces = [
    utf8('data: 1\n\n'),
    new Uint8Array(0),
    new Uint8Array(70_000).fill(7),
    utf8('data: [DONE]\n\n'),
  ]
  const { sealed, opened } = await exchange()
  const answer = await bytesOf(opened.sealAnswer(head, pieces))
  for (const size of [1, 7, 4096, answer.length]) {
    const read = await sealed.openAnswer(split(answer, size))
    expect([read.status, read.headers]).toEqual([head.status, head.headers])
    expect(await bytesOf(read.body)).toEqual(concat(...pieces))
  }
})

test('each piece can be read before the next is made', async () => {
  const { sealed, opened } = await exchange()
  const made: string[] = []
  async function* body() {
    for (const word of ['one', 'two', 'three']) {
      made.push(word)
      yield utf8(word)
    }
  }
  const read = await sealed.openAnswer(opened.sealAnswer(head, body()))
  expect(made).toEqual([])
  expect((await read.body.next()).value).toEqual(utf8('one'))
  expect(made).toEqual(['one'])
})

test('whoever stops reading stops what makes the answer', async () => {
  const { sealed, opened } = await exchange()
  let ended = false
  async function* body() {
    try {
      for (;;) yield utf8('more')
    } finally {
      ended = true
    }
  }
  const read = await sealed.openAnswer(opened.sealAnswer(head, body()))
  for await (const _ of read.body) break
  expect(ended).toBe(true)
})

test('an answer whose making failed is cut off', async () => {
  const { sealed, opened } = await exchange()
  async function* body() {
    yield utf8('the beginning')
    throw new Error('the engine failed')
  }
  async function* sent() {
    try {
      yield* opened.sealAnswer(head, body())
    } catch {}
  }
  const read = await sealed.openAnswer(sent())
  await expect(bytesOf(read.body)).rejects.toMatchObject({ code: 'cut-off' })
})

test('every cut is noticed', async () => {
  const { sealed, opened } = await exchange()
  const answer = await bytesOf(opened.sealAnswer(head, [utf8('some'), utf8('text')]))
  for (let length = 0; length < answer.length; length++) {
    const reading = sealed.openAnswer([answer.subarray(0, length)]).then(read => bytesOf(read.body))
    await expect(reading, `${length} bytes`).rejects.toMatchObject({ code: 'cut-off' })
  }
})

test('every changed byte is noticed', async () => {
  const { sealed, opened } = await exchange()
  const answer = await bytesOf(opened.sealAnswer(head, [utf8('text')]))
  for (let at = 0; at < answer.length; at++) {
    const changed = answer.map((byte, i) => (i === at ? byte ^ 1 : byte))
    const reading = sealed.openAnswer([changed]).then(read => bytesOf(read.body))
    await expect(reading, `byte ${at}`).rejects.toHaveProperty('code')
  }
})

describe('nothing but this request and its answer opens', () => {
  test('an answer of another request with the same body', async () => {
    const recipient = await createRecipient()
    const seal = () => sealRequest({ ...binding, hpkeKey: recipient.hpkeKey, body: utf8('{}') })
    const [one, two] = [await seal(), await seal()]
    const opened = await openRequest({ ...binding, recipient, sealed: one.body })
    const answer = await bytesOf(opened.sealAnswer(head, [utf8('text')]))
    await expect(two.openAnswer([answer])).rejects.toMatchObject({ code: 'invalid-seal' })
  })

  test('a request in another enclave', async () => {
    const [mine, other] = [await createRecipient(), await createRecipient()]
    const { body } = await sealRequest({ ...binding, hpkeKey: mine.hpkeKey, body: utf8('{}') })
    const opening = openRequest({ ...binding, recipient: other, sealed: body })
    await expect(opening).rejects.toMatchObject({ code: 'invalid-seal' })
  })

  test.each([
    ['zero', `0x${'00'.repeat(32)}`],
    ['one, of order 4', `0x01${'00'.repeat(31)}`],
  ])('a key that gives everybody the same secret: %s', async (_, hpkeKey) => {
    const sealing = sealRequest({ ...binding, hpkeKey: hpkeKey as Hex, body: utf8('{}') })
    await expect(sealing).rejects.toMatchObject({ code: 'invalid-seal' })
    const recipient = await createRecipient()
    const sealed = concat(Uint8Array.of(1), fromHex(hpkeKey), new Uint8Array(40))
    const opening = openRequest({ ...binding, recipient, sealed })
    await expect(opening).rejects.toMatchObject({ code: 'invalid-seal' })
  })
})

describe('heads are bound', () => {
  test.each<[string, object, string]>([
    ['another header', { status: 200, headers: { 'set-cookie': 'a=b' } }, 'unknown-field'],
    ['a status that is none', { status: 99, headers: {} }, 'wrong-type'],
    ['too long', { status: 200, headers: { 'x-nacre-receipt': 'a'.repeat(MAX_HEAD) } }, 'too-large'],
  ])('%s', async (_, other, code) => {
    const { opened } = await exchange()
    await expect(bytesOf(opened.sealAnswer(other as AnswerHead, []))).rejects.toMatchObject({ code })
  })
})
