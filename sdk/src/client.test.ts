import { DEFAULT_POLICY, type Hex } from '@nacre/verify'
import { describe, expect, test } from 'vitest'
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

describe('an operator that means ill', () => {
  const hostile = (answer: typeof fetch, timeoutMs = 30_000) =>
    createClient({ url: 'http://operator.test', fetch: answer, policy, timeoutMs }).infer({ artifact, input })

  test('and never stops sending is cut off at the bound', async () => {
    let sent = 0
    const part = new Uint8Array(1 << 20).fill(0x20)
    const flood = new ReadableStream({
      pull: controller => {
        sent += part.length
        controller.enqueue(part)
      },
    })
    await expect(hostile(async () => new Response(flood))).rejects.toMatchObject({ code: 'bad-answer' })
    expect(sent).toBeLessThan(80 * 1024 * 1024)
  })

  test('and sends a body that never ends is left at the deadline', async () => {
    const drip: typeof fetch = async (_url, init) =>
      new Response(
        new ReadableStream({
          start: controller => {
            controller.enqueue(new Uint8Array([0x7b]))
            init!.signal!.addEventListener('abort', () => controller.error(init!.signal!.reason))
          },
        }),
      )
    await expect(hostile(drip, 50)).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('and redirects, or sends no UTF-8, is not followed', async () => {
    let redirect: unknown
    const answer: typeof fetch = async (_url, init) => {
      redirect = init?.redirect
      return new Response(Uint8Array.of(0x22, 0xff, 0x22))
    }
    await expect(hostile(answer)).rejects.toMatchObject({ code: 'bad-answer' })
    expect(redirect).toBe('error')
  })

  test('and nests without end, or talks without end, is quoted shortly', async () => {
    const nested = '['.repeat(2_000_000)
    await expect(hostile(async () => new Response(nested))).rejects.toMatchObject({ code: 'bad-answer' })
    const talk = JSON.stringify({
      error: { code: 'x'.repeat(1e6), message: 'y'.repeat(1e6), fix: 'z'.repeat(1e6) },
    })
    const refused = await hostile(async () => new Response(talk, { status: 500 })).catch(error => error)
    expect(refused).toMatchObject({ code: 'operator-error' })
    expect(`${refused.message}${refused.fix}`.length).toBeLessThan(3000)
  })

  test('an address that is none is an error with a code', async () => {
    const client = createClient({ url: 'nowhere', policy })
    await expect(client.infer({ artifact, input })).rejects.toMatchObject({ code: 'unreachable' })
  })
})
