import { keccak256, parametersHash, recoverSigner, usageHash, utf8 } from '@nacre/verify'
import { decodeProof, parseProof } from '@nacre/verify/inference'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LanguageEnclave, startLanguageEnclave } from '../../test/languageEnclave.ts'

let started: LanguageEnclave
let openai: OpenAI
let artifact: string

beforeAll(async () => {
  started = await startLanguageEnclave()
  artifact = await started.addModel('tiny')
  await started.client.setTerms({
    anchor: { number: 7n, hash: `0x${'cc'.repeat(32)}` },
    prices: { token: `0x${'00'.repeat(20)}`, prompt: '3', completion: '5' },
  })
  openai = new OpenAI({ baseURL: started.url, apiKey: 'none', maxRetries: 0 })
}, 120_000)

afterAll(async () => {
  await started?.close()
})

const messages = [{ role: 'user' as const, content: 'what is a ship ?' }]

test('models', async () => {
  const list = await openai.models.list()
  expect(list.data).toMatchObject([{ id: 'tiny', object: 'model', artifact, context_length: 512 }])
  expect(await openai.models.retrieve('tiny')).toMatchObject({ pricing: { prompt: '3', completion: '5' } })
})

describe('chat', () => {
  test('an answer, and its receipt in the header', async () => {
    const { data, response } = await openai.chat.completions
      .create({ model: 'tiny', messages, max_tokens: 8, seed: 7, temperature: 0.5 })
      .withResponse()
    expect(data.object).toBe('chat.completion')
    const proof = decodeProof(response.headers.get('x-nacre-receipt') ?? '')
    expect(proof.receipt.artifact).toBe(artifact)
    expect(proof.parameters.seed).toBe(7n)
    expect(proof.receipt.parametersHash).toBe(parametersHash(proof.parameters))
    expect(proof.receipt.usageHash).toBe(usageHash(proof.usage))
    const { prompt_tokens: prompt = 0, completion_tokens: completion = 0 } = data.usage ?? {}
    expect(proof.usage.price).toBe(BigInt(3 * prompt + 5 * completion))
    const { identity } = await started.client.identity()
    expect(recoverSigner(started.config, proof.receipt, proof.signature)).toBe(identity.receiptKey)
  })

  test('a stream, and its receipt before its end', async () => {
    const body = JSON.stringify({ model: 'tiny', messages, max_tokens: 8, seed: 7, stream: true })
    const response = await fetch(`${started.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    const text = await response.text()
    const at = text.lastIndexOf('data: {')
    const proof = parseProof(JSON.parse(text.slice(at + 6).split('\n')[0]!).nacre, 'proof')
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(proof.receipt.outputHash).toBe(keccak256(utf8(text.slice(0, at))))
    expect(proof.receipt.inputHash).toBe(keccak256(utf8(body)))
  })

  test('the stream helper puts the same answer together', async () => {
    const options = { model: 'tiny', messages, max_tokens: 8, seed: 7 }
    const whole = await openai.chat.completions.create(options)
    const runner = openai.chat.completions.stream(options)
    const final = await runner.finalChatCompletion()
    expect(final.choices[0]?.message.content).toBe(whole.choices[0]?.message.content)
    expect(final.choices[0]?.finish_reason).toBe(whole.choices[0]?.finish_reason)
  })
})
