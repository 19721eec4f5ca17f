import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Hex, parseBundle, verifyReceipt } from '@nacre/verify'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { policy } from '../../../test/mock-authority/bundle.ts'
import {
  createLanguageEnclave,
  type LanguageEnclave,
  TALES,
} from '../../../test/mock-authority/languageEnclave.ts'
import { serveLanguageEnclave } from '../../../test/mock-authority/serveLanguageEnclave.ts'
import { now } from '../time.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-proxy-'))
const policyFile = join(dir, 'policy.json')
const running: ChildProcessWithoutNullStreams[] = []
let enclave: LanguageEnclave
let served: Awaited<ReturnType<typeof serveLanguageEnclave>>
/** Changes what the gateway answers to sealed requests. */
let change = (response: Response): Promise<Response> => Promise.resolve(response)

beforeAll(async () => {
  writeFileSync(policyFile, JSON.stringify(policy))
  enclave = await createLanguageEnclave({ attestedAt: now() })
  served = await serveLanguageEnclave(enclave, async request => {
    const response = await enclave.fetch(request)
    return request.method === 'POST' ? change(response) : response
  })
})

afterEach(async () => {
  change = response => Promise.resolve(response)
  await Promise.all(running.splice(0).map(stop))
})

afterAll(async () => {
  await served.close()
  rmSync(dir, { recursive: true })
})

type Ended = { code: number | null; out: string; err: string }

function start(...args: string[]): ChildProcessWithoutNullStreams {
  const main = join(import.meta.dirname, '../main.ts')
  const common = ['--gateway', served.url, '--policy', policyFile, '--port', '0', '--json']
  const env = { ...process.env, NACRE_API_KEY: 'of-the-gateway' }
  return spawn(process.execPath, [main, 'proxy', ...common, ...args], { env, stdio: 'pipe' })
}

/** A proxy that is ready, and its base URL. */
async function ready(...args: string[]): Promise<{ baseURL: string; child: ChildProcessWithoutNullStreams }> {
  const child = start('--model', `tales=${TALES}`, ...args)
  running.push(child)
  child.stderr.resume()
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { event, baseURL, enclaves } = JSON.parse(line)
  expect([event, enclaves[0].enclave]).toEqual(['ready', enclave.receiptKey])
  return { baseURL, child }
}

async function stop(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  if (child.exitCode === null) {
    child.kill('SIGINT')
    await once(child, 'exit')
  }
  return child.exitCode
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let [out, err] = ['', '']
  child.stdout.on('data', text => (out += text))
  child.stderr.on('data', text => (err += text))
  const [code] = await once(child, 'close')
  return { code, out, err }
}

const messages = [{ role: 'user' as const, content: 'Tell me a secret' }]
const openaiOf = (baseURL: string) => new OpenAI({ baseURL, apiKey: 'of-openai', maxRetries: 0 })

async function streamed(openai: OpenAI): Promise<string> {
  let text = ''
  const stream = await openai.chat.completions.create({ model: 'tales', messages, stream: true })
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
  return text
}

test('any OpenAI client talks to it, and each receipt is a file that verifies', async () => {
  const receipts = join(dir, 'receipts')
  const { baseURL, child } = await ready('--receipts', receipts)
  const openai = openaiOf(baseURL)
  expect((await openai.models.list()).data).toMatchObject([{ id: 'tales', artifact: TALES }])
  const answer = await openai.chat.completions.create({ model: 'tales', messages })
  expect(answer.choices[0]?.message.content).toBe('Once upon a time')
  expect(await streamed(openai)).toBe('Once upon a time')
  const files = readdirSync(receipts)
  expect(files).toHaveLength(2)
  for (const file of files) {
    const bundle = parseBundle(readFileSync(join(receipts, file), 'utf8'))
    expect(verifyReceipt(bundle, policy, { time: now() }).ok).toBe(true)
    expect(statSync(join(receipts, file)).mode & 0o077).toBe(0)
  }
  expect(await stop(child)).toBe(0)
})

test('nothing of a client but its request leaves the machine', async () => {
  const seen: Headers[] = []
  const other = await serveLanguageEnclave(enclave, request => {
    seen.push(request.headers)
    return enclave.fetch(request)
  })
  const { baseURL } = await ready('--gateway', other.url)
  await openaiOf(baseURL).chat.completions.create({ model: 'tales', messages })
  for (const headers of seen) {
    expect(headers.get('authorization')).toBe('Bearer of-the-gateway')
    expect(JSON.stringify([...headers])).not.toMatch(/of-openai|stainless/)
  }
  await other.close()
})

describe('answers that do not hold are errors of OpenAI’s shape', () => {
  async function cut(response: Response): Promise<Response> {
    const bytes = new Uint8Array(await response.arrayBuffer())
    return new Response(bytes.slice(0, -20), { headers: response.headers })
  }
  const plain = async () => Response.json({ choices: [{ message: { content: 'I am the gateway' } }] })

  test('whole, and in a stream that has begun', async () => {
    const { baseURL } = await ready()
    const openai = openaiOf(baseURL)
    change = cut
    const whole = openai.chat.completions.create({ model: 'tales', messages })
    await expect(whole).rejects.toMatchObject({ status: 502, code: 'cut-off', type: 'server_error' })
    await expect(streamed(openai)).rejects.toMatchObject({ code: 'cut-off' })
    change = plain
    await expect(streamed(openai)).rejects.toMatchObject({ status: 502, code: 'downgraded' })
  })

  test('and so are models that were not pinned, and calls that there are not', async () => {
    const { baseURL } = await ready()
    const openai = openaiOf(baseURL)
    const other = openai.chat.completions.create({ model: 'gpt-5', messages })
    await expect(other).rejects.toMatchObject({ status: 404, code: 'model-not-pinned' })
    await expect(openai.images.generate({ prompt: 'x', model: 'tales' })).rejects.toMatchObject({
      status: 404,
    })
    const text = await fetch(`${baseURL}/completions`, { method: 'POST', body: 'no JSON' })
    expect([text.status, await text.json()]).toMatchObject([400, { error: { code: 'not-private' } }])
  })
})

test('an abort goes through to the enclave', async () => {
  let left = false
  change = async response => {
    const reader = response.body?.getReader()
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue((await reader?.read())?.value)
        controller.enqueue((await reader?.read())?.value)
      },
      cancel() {
        left = true
      },
    })
    return new Response(body, { headers: response.headers })
  }
  const { baseURL } = await ready()
  const stream = await openaiOf(baseURL).chat.completions.create({ model: 'tales', messages, stream: true })
  for await (const _ of stream) break
  await expect.poll(() => left).toBe(true)
})

describe('web pages', () => {
  /** Node's own client, which may say any Host. */
  async function statusOf(baseURL: string, headers: Record<string, string>): Promise<number> {
    const call = httpRequest(`${baseURL}/models`, { headers }).end()
    const [response] = await once(call, 'response')
    response.resume()
    return response.statusCode
  }

  test('may not use it: neither by its address nor by a name that leads here', async () => {
    const { baseURL } = await ready('--allow-origin', 'http://localhost:3000')
    expect(await statusOf(baseURL, {})).toBe(200)
    expect(await statusOf(baseURL, { host: 'LOCALHOST:1' })).toBe(200)
    expect(await statusOf(baseURL, { host: 'rebound.example' })).toBe(403)
    expect(await statusOf(baseURL, { host: '127.0.0.1.example:80' })).toBe(403)
    expect(await statusOf(baseURL, { origin: 'https://page.example' })).toBe(403)
    expect(await statusOf(baseURL, { origin: 'null' })).toBe(403)
    expect(await statusOf(baseURL, { origin: 'http://localhost:3000' })).toBe(200)
  })
})

describe('it does not start', () => {
  const artifact: Hex = `0x${'11'.repeat(32)}`
  test.each<[string, string[], number, string]>([
    ['for a file that is not served', ['--model', `tales=${artifact}`], 1, 'model-not-served'],
    ['without a model', [], 2, 'usage'],
    ['for a hash that is none', ['--model', 'tales=0x12'], 2, 'bad-input'],
    ['where nothing answers', ['--model', TALES, '--gateway', 'http://127.0.0.1:9'], 4, 'unreachable'],
    ['for an address that is none', ['--gateway', 'http://127.0.0.1:9/other'], 2, 'bad-input'],
  ])('%s', async (_, args, exit, reason) => {
    const { code, out } = await ended(start(...args))
    expect([code, JSON.parse(out).error.code]).toEqual([exit, reason])
  })

  test('when the policy accepts no enclave', async () => {
    const strict = join(dir, 'strict.json')
    writeFileSync(strict, JSON.stringify({ ...policy, assurance: ['tee'] }))
    const { code, out } = await ended(start('--model', TALES, '--policy', strict))
    expect([code, JSON.parse(out).error]).toMatchObject([1, { code: 'unverified-enclave' }])
    expect(out).toContain('policy-assurance')
  })
})
