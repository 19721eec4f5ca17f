import { DEFAULT_POLICY, type Hex } from '@nacre/verify'
import { expect, test } from 'vitest'
import { createClient } from './client.ts'
import { fetchBundle } from './operator.ts'

const policy = { ...DEFAULT_POLICY, releases: [`0x${'11'.repeat(32)}` as Hex] }
const artifact: Hex = `0x${'22'.repeat(32)}`
const input = { dtype: 'float32', dims: [1, 4], data: Float32Array.of(5.1, 3.5, 1.4, 0.2) } as const

/** An operator that answers every call like this; it keeps the bodies that it was sent. */
function operator(status: number, body: string) {
  const sent: { nonce?: string }[] = []
  const answer: typeof fetch = async (_url, init) => {
    if (typeof init?.body === 'string') sent.push(JSON.parse(init.body))
    return new Response(body, { status })
  }
  return { sent, fetch: answer, url: 'http://operator.test' }
}

test.each([
  ['no JSON', '<html>'],
  ['no bundle', '{"output":"0x00"}'],
  ['null', 'null'],
])('an answer that is %s is never returned', async (_name, body) => {
  const client = createClient({ ...operator(200, body), policy })
  await expect(client.infer({ artifact, input })).rejects.toMatchObject({ code: 'bad-answer' })
  await expect(client.attest()).rejects.toMatchObject({ code: 'bad-answer' })
})

test('every question has a nonce of its own', async () => {
  const { sent, ...http } = operator(200, '{}')
  const client = createClient({ ...http, policy })
  for (let i = 0; i < 3; i++) await expect(client.infer({ artifact, input })).rejects.toThrow()
  expect(new Set(sent.map(body => body.nonce)).size).toBe(3)
  for (const { nonce } of sent) expect(nonce).toMatch(/^0x[0-9a-f]{64}$/)
})

test('what an operator refuses is told with its own code and fix', async () => {
  const body = JSON.stringify({
    error: { code: 'NOT_FOUND', message: 'no such artifact', fix: 'ask for another' },
  })
  const failed = createClient({ ...operator(404, body), policy }).infer({ artifact, input })
  await expect(failed).rejects.toMatchObject({ code: 'operator-error', fix: 'ask for another' })
  await expect(failed).rejects.toThrow('NOT_FOUND')
})

test('an operator that is away is named', async () => {
  const failed = createClient({ url: 'http://127.0.0.1:1', policy }).infer({ artifact, input })
  await expect(failed).rejects.toMatchObject({ code: 'unreachable' })
})

test('a request that the operator does not know has no bundle', async () => {
  expect(await fetchBundle({ ...operator(404, '{}'), id: artifact })).toBeUndefined()
  await expect(fetchBundle({ ...operator(200, '{"bundle":{}}'), id: artifact })).rejects.toMatchObject({
    code: 'bad-answer',
  })
})
