import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { keccak256, utf8 } from '@nacre/verify'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  ANCHOR,
  jsonOf,
  type LanguageEnclave,
  PRICES,
  startLanguageEnclave,
} from '../../test/languageEnclave.ts'

const QUEUE = 4
const SECRET = 'the harbour of nowhere'

let started: LanguageEnclave
/** With which the model goes on and on. */
let seed = 1

beforeAll(async () => {
  started = await startLanguageEnclave({ sequences: 2, queue: QUEUE, contextSize: 2048 })
  await started.addModel('tiny', { contextLength: 2048 })
  await started.client.setTerms({ anchor: ANCHOR, prices: PRICES })
  while (!(await (await post(long({ max_tokens: 600 }))).text()).includes('"finish_reason":"length"'))
    if (++seed > 60) throw new Error('the model always ends soon')
}, 120_000)

afterAll(async () => {
  await started?.close()
})

/** Long, and without an end of its own before its limit. */
const long = (fields: object = {}) =>
  JSON.stringify({
    model: 'tiny',
    prompt: SECRET,
    max_tokens: 1900,
    seed,
    temperature: 1,
    logprobs: 5,
    ...fields,
  })

async function post(body: string, nonce?: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(nonce && { 'x-nacre-nonce': nonce }) }
  return await fetch(`${started.url}/completions`, { method: 'POST', headers, body })
}

/** A request over a socket of its own, of which nothing is read. */
async function raw(body: string, nonce: string): Promise<Socket> {
  const { port, hostname } = new URL(started.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  const head = `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-nacre-nonce: ${nonce}\r\n`
  socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`)
  return socket
}

/** The receipt of the answer to this nonce's request, when there is one. */
async function receiptOf(id: string) {
  const response = await fetch(`${started.url}/receipts/${id}`)
  return response.status === 200 ? await jsonOf(response) : undefined
}

/** Bytes of an answer in chunks (RFC 9112, 7.1), as far as they came. */
function dechunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    const size = end < 0 ? 0 : Number.parseInt(bytes.toString('latin1', at, end), 16)
    if (!size) return Buffer.concat(parts)
    parts.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}

test('a client that goes away stops the generation, and its receipt is over what was sent', async () => {
  const abort = new AbortController()
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: long({ stream: true }), signal: abort.signal }
  const response = await fetch(`${started.url}/completions`, init)
  const reader = response.body!.getReader()
  let text = ''
  while (!text.includes('\n\n')) text += new TextDecoder().decode((await reader.read()).value)
  const { id } = JSON.parse(text.slice(6).split('\n')[0]!)
  abort.abort()
  const receipt = await vi.waitFor(async () => (await receiptOf(id)) ?? expect.fail('no receipt'), 20_000)
  expect(receipt.receipt).toMatchObject({ status: 0 })
  // It was cut off long before its limit.
  expect(receipt.usage.units).toBeLessThan(1900)
  // Its place is free again.
  expect((await post(JSON.stringify({ model: 'tiny', prompt: 'a', max_tokens: 1 }))).status).toBe(200)
})

test('an answer over its limit of bytes is cut off, says so, and has a receipt', async () => {
  const small = await startLanguageEnclave({}, { maxOutput: 8192 })
  try {
    await small.addModel('tiny')
    await small.client.setTerms({ anchor: ANCHOR, prices: PRICES })
    for (const stream of [true, false]) {
      const headers = { 'content-type': 'application/json' }
      const body = long({ stream, n: 2, max_tokens: 400 })
      const response = await fetch(`${small.url}/completions`, { method: 'POST', headers, body })
      const text = await response.text()
      const output = stream ? text.slice(0, text.lastIndexOf('data: {')) : text
      expect(output.length).toBeLessThanOrEqual(8192)
      expect(output.match(/"finish_reason":"(length|stop)"/g)).toHaveLength(2)
      expect(output).toContain('"finish_reason":"length"')
      if (!stream) continue
      const proof = JSON.parse(text.slice(output.length + 6).split('\n')[0]!).nacre
      expect(proof.receipt.outputHash).toBe(keccak256(utf8(output)))
    }
  } finally {
    await small.close()
  }
})

test('500 at once: as many as there is room for are answered, the others told when to come again', async () => {
  const body = JSON.stringify({ model: 'tiny', prompt: SECRET, max_tokens: 40, seed: 1, temperature: 2 })
  const before = memoryOf(started.enclave.pid)
  const all = await Promise.all(Array.from({ length: 500 }, () => post(body)))
  const bodies = await Promise.all(all.map(response => response.text()))
  const statuses = all.map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([200, 429]))
  expect(statuses.filter(status => status === 200).length).toBeGreaterThanOrEqual(2 + QUEUE)
  for (const [i, response] of all.entries()) {
    if (response.status !== 429) continue
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(JSON.parse(bodies[i]!).error).toMatchObject({ code: 'queue_full', type: 'rate_limit_error' })
  }
  const said = bodies.filter((_, i) => statuses[i] === 200).map(text => JSON.parse(text).choices[0].text)
  expect(new Set(said).size).toBe(1)
  for (let round = 0; round < 4; round++)
    await Promise.all(Array.from({ length: 100 }, async () => (await post(body)).text()))
  expect(memoryOf(started.enclave.pid) - before).toBeLessThan(96 * 2 ** 20)
})

test('one that reads nothing holds up nobody, and what it was sent is bounded', async () => {
  const nonce = `0x${'77'.repeat(32)}`
  const slow = await raw(long({ stream: true, n: 2 }), nonce)
  slow.pause()
  await sleep(200)
  const other = await post(JSON.stringify({ model: 'tiny', prompt: 'a', max_tokens: 4 }))
  expect(other.status).toBe(200)
  const chunks: Buffer[] = []
  slow.on('data', chunk => chunks.push(chunk)).resume()
  await vi.waitFor(() => expect(Buffer.concat(chunks).includes('[DONE]')).toBe(true), 60_000)
  slow.destroy()
  const bytes = Buffer.concat(chunks)
  const text = dechunk(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)).toString()
  const at = text.lastIndexOf('data: {')
  const { nacre } = JSON.parse(text.slice(at + 6).split('\n')[0]!)
  expect(nacre.receipt.outputHash).toBe(keccak256(utf8(text.slice(0, at))))
})

test('an engine that dies in a stream: what was sent has a receipt that costs nothing, and the next is answered', async () => {
  const response = await post(long({ stream: true }))
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (!text.includes('\n\n')) text += decoder.decode((await reader.read()).value, { stream: true })
  process.kill(engineOf(started.enclave.pid), 'SIGKILL')
  for (let read = await reader.read(); !read.done; read = await reader.read())
    text += decoder.decode(read.value, { stream: true })
  const at = text.lastIndexOf('data: {')
  const { nacre } = JSON.parse(text.slice(at + 6).split('\n')[0]!)
  expect(text.slice(0, at)).toContain('"code":"engine_failed"')
  expect(nacre.receipt).toMatchObject({ status: 3, outputHash: keccak256(utf8(text.slice(0, at))) })
  expect(nacre.usage.price).toBe('0')
  expect((await post(JSON.stringify({ model: 'tiny', prompt: 'a', max_tokens: 1 }))).status).toBe(200)
})

test('requests one behind the other, whose answers nobody waits for, end their connection', async () => {
  const { port, hostname } = new URL(started.url)
  const socket = connect(Number(port), hostname).on('error', () => {})
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(100))
  await once(socket, 'close')
  expect(Buffer.concat(chunks).toString().split('HTTP/1.1 200').length - 1).toBeLessThan(2)
})

test('a text that fits no number of its schema was made all the same, and costs what it has', async () => {
  const schema = { type: 'integer', minimum: 5, maximum: 4 }
  const body = JSON.stringify({
    ...{ model: 'tiny', stream: true, seed: 1, max_tokens: 64 },
    messages: [{ role: 'user', content: 'a number' }],
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema } },
  })
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${started.url}/chat/completions`, { method: 'POST', headers, body })
  const text = await response.text()
  const at = text.lastIndexOf('data: {')
  expect(text.slice(0, at)).toContain('"code":"invalid_output"')
  const { nacre } = JSON.parse(text.slice(at + 6).split('\n')[0]!)
  expect(nacre.receipt).toMatchObject({ status: 0, outputHash: keccak256(utf8(text.slice(0, at))) })
  expect(BigInt(nacre.usage.price)).toBeGreaterThan(0n)
})

test('the log says nothing of what was asked or answered', () => {
  expect(started.log.join('\n')).not.toMatch(/harbour|nowhere|ship/)
  expect(started.log.length).toBeLessThan(20)
})

/** The engine's process: the enclave's only child. */
function engineOf(pid: number): number {
  const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
  if (!(child > 1)) throw new Error('the enclave has no child')
  return child
}

/** Resident bytes of a process (proc(5)). */
function memoryOf(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}
