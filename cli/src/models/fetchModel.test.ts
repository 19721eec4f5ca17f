import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FetchOptions, fetchModel } from './fetchModel.ts'
import { readSource, redirectedUrl } from './source.ts'

const FILE = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251))
const OTHER = Buffer.from(FILE.toReversed())
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let folder: string
let server: Server
let origin: string
let asked: IncomingMessage[]
/** One a request; the last one goes on. */
let handlers: Handler[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nacre-fetch-'))
  asked = []
  handlers = []
  server = createServer((request, response) => {
    asked.push(request)
    handlers[Math.min(asked.length, handlers.length) - 1]!(request, response)
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

const start = (from: string, more: Partial<FetchOptions> = {}) => {
  const source = readSource(from, origin)
  if (source.type === 'file') throw new Error('no address')
  return fetchModel(source, {
    folder,
    sha256: undefined,
    maxBytes: 1_000_000,
    onProgress: () => {},
    say: () => {},
    signal: new AbortController().signal,
    stallMs: 2000,
    waitMs: () => 1,
    ...more,
  })
}
const fails = async (from: string, more: Partial<FetchOptions> = {}) => {
  const error = await start(from, more).then(
    () => new Error('it was accepted'),
    (reason: Error) => reason,
  )
  return error as Error & { code?: string; why?: string }
}

/** An honest server: whole files, and parts of the version that is asked for. */
const honest =
  (bytes: Buffer, etag: string | undefined = `"${digest(bytes).slice(0, 8)}"`): Handler =>
  ({ headers }, response) => {
    if (etag) response.setHeader('etag', etag)
    const from = headers['if-range'] === etag ? /^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] : undefined
    if (from === undefined) return void response.setHeader('content-length', bytes.length).end(bytes)
    const part = bytes.subarray(Number(from))
    response.writeHead(206, {
      'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      'content-length': part.length,
    })
    response.end(part)
  }
/** After a while: what a client has not read when the connection ends, it never sees. */
const hangUp = (response: ServerResponse): void => void setTimeout(() => response.destroy(), 100)
/** Sends so much of what `handler` would, and hangs up. */
const cutting =
  (handler: Handler, after: number): Handler =>
  (request, response) => {
    const end = response.end.bind(response)
    response.end = ((bytes: Buffer) =>
      response.write(bytes.subarray(0, after), () => hangUp(response))) as unknown as typeof end
    handler(request, response)
  }
const status =
  (code: number, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    void response.writeHead(code, headers).end()

describe('honest servers', () => {
  test('a whole file, with how far it has come', async () => {
    handlers = [honest(FILE)]
    const seen: number[] = []
    const got = await start(`${origin}/m.gguf`, { onProgress: done => seen.push(done), sha256: digest(FILE) })
    expect(readFileSync(got.path)).toEqual(FILE)
    expect(got).toMatchObject({ sha256: digest(FILE), size: FILE.length })
    expect(seen.at(-1)).toBe(FILE.length)
    expect(asked[0]!.headers['accept-encoding']).toBe('identity')
  })
  test('one that breaks off is asked for the rest, as often as something comes', async () => {
    handlers = [50_000, 60_000, 10_000, 5_000, 5_000, 5_000, 5_000].map(n => cutting(honest(FILE), n))
    handlers.push(honest(FILE))
    const got = await start(`${origin}/m.gguf`)
    expect(readFileSync(got.path)).toEqual(FILE)
    expect(asked.slice(1).every(({ headers }) => /^bytes=[1-9]\d*-$/.test(headers.range!))).toBe(true)
  })
  test('what a call has left, the next one goes on with', async () => {
    handlers = [cutting(honest(FILE), 80_000), status(503)]
    expect(await fails(`${origin}/m.gguf`)).toMatchObject({ code: 'service-unavailable' })
    handlers = [honest(FILE)]
    asked = []
    const got = await start(`${origin}/m.gguf`)
    expect(Number(/\d+/.exec(asked[0]!.headers.range!)![0])).toBeGreaterThan(0)
    expect(readFileSync(got.path)).toEqual(FILE)
  })
  test('a file that changed in between is fetched from its beginning', async () => {
    handlers = [cutting(honest(FILE), 80_000), honest(OTHER)]
    const got = await start(`${origin}/m.gguf`)
    expect(readFileSync(got.path)).toEqual(OTHER)
  })
  test('one that knows no parts, or has no strong validator, begins again', async () => {
    const whole: Handler = (_, response) =>
      void response.writeHead(200, { 'content-length': FILE.length }).end(FILE)
    handlers = [cutting(honest(FILE), 80_000), whole]
    expect(readFileSync((await start(`${origin}/m.gguf`)).path)).toEqual(FILE)
    handlers = [cutting(honest(FILE, 'W/"weak"'), 80_000), honest(FILE, 'W/"weak"')]
    asked = []
    expect(readFileSync((await start(`${origin}/n.gguf`)).path)).toEqual(FILE)
    expect(asked[1]!.headers.range).toBeUndefined()
  })
  test('all that was missing was the end: 416 says so', async () => {
    handlers = [honest(FILE)]
    // A part that is complete, as a stop between the last byte and its check leaves it.
    const stop = new AbortController()
    const seen = (done: number): void => void (done === FILE.length && stop.abort())
    expect(await fails(`${origin}/m.gguf`, { onProgress: seen, signal: stop.signal })).toMatchObject({
      code: 'interrupted',
    })
    handlers = [status(416, { 'content-range': `bytes */${FILE.length}` })]
    expect(readFileSync((await start(`${origin}/m.gguf`)).path)).toEqual(FILE)
  })
  test('stopped, it keeps what has come', async () => {
    handlers = [cutting(honest(FILE), 80_000), honest(FILE)]
    const stop = new AbortController()
    const error = await fails(`${origin}/m.gguf`, { say: () => stop.abort(), signal: stop.signal })
    expect(error).toMatchObject({ code: 'interrupted' })
    expect(readdirSync(folder).some(name => name.endsWith('.part'))).toBe(true)
  })
})

describe('servers that lie', () => {
  const refused = { code: 'service-bad-answer' }
  test('a wrong digest: what came is gone, and the error names both', async () => {
    handlers = [honest(FILE)]
    const error = await fails(`${origin}/m.gguf`, { sha256: digest(OTHER) })
    expect(error).toMatchObject(refused)
    expect(error.why).toContain(digest(FILE))
    expect(readdirSync(folder)).toEqual([])
  })
  test('more than was promised in a part, or another part, or one of another version', async () => {
    const lies: Record<string, string>[] = [
      { 'content-range': `bytes 0-${FILE.length - 1}/${FILE.length}` },
      { 'content-range': `bytes 80000-${FILE.length - 1}/${FILE.length + 5}` },
      { 'content-range': `bytes 80000-90000/${FILE.length}` },
      { 'content-range': 'bytes */7' },
      {},
      { 'content-range': `bytes 80000-${FILE.length - 1}/${FILE.length}`, etag: '"new"' },
      { 'content-range': `bytes 80000-${FILE.length - 1}/${FILE.length}` },
    ]
    for (const [i, headers] of lies.entries()) {
      const exactly: Handler = (_, response) => {
        response.writeHead(200, { 'content-length': FILE.length, etag: '"x"' })
        response.write(FILE.subarray(0, 80_000), () => hangUp(response))
      }
      // The last one is true, and its body is too long.
      handlers = [exactly, (_, response) => void response.writeHead(206, headers).end(FILE)]
      asked = []
      expect(await fails(`${origin}/${i}`), JSON.stringify(headers)).toMatchObject(refused)
      expect(readdirSync(folder)).toEqual([])
    }
  })
  test('larger than allowed, by its word or by what it sends', async () => {
    handlers = [honest(FILE)]
    expect(await fails(`${origin}/m.gguf`, { maxBytes: 100 })).toMatchObject(refused)
    handlers = [(_, response) => void response.writeHead(200).end(FILE)]
    expect(await fails(`${origin}/m.gguf`, { maxBytes: 100, sha256: digest(FILE) })).toMatchObject(refused)
  })
  test('no length and no digest: a cut file could not be told', async () => {
    handlers = [(_, response) => void response.writeHead(200).end(FILE)]
    expect(await fails(`${origin}/m.gguf`)).toMatchObject(refused)
    const got = await start(`${origin}/m.gguf`, { sha256: digest(FILE) })
    expect(got.size).toBe(FILE.length)
  })
  test('encoded, not found, forbidden', async () => {
    for (const handler of [status(200, { 'content-encoding': 'gzip' }), status(404), status(401)]) {
      handlers = [handler]
      asked = []
      expect(await fails(`${origin}/m.gguf`)).toMatchObject(refused)
      expect(asked.length).toBe(1)
    }
  })
  test('silence ends, and so do attempts that bring nothing', async () => {
    handlers = [() => {}]
    expect(await fails(`${origin}/m.gguf`, { stallMs: 100 })).toMatchObject({ code: 'service-unavailable' })
    expect(asked.length).toBe(5)
  })
  test('redirects in a circle, to plain HTTP elsewhere, to a file of this machine', async () => {
    handlers = [status(302, { location: '/again' })]
    expect(await fails(`${origin}/m.gguf`)).toMatchObject(refused)
    expect(asked.length).toBe(6)
    for (const location of ['http://example.org/m', 'file:///etc/passwd', 'https://user:word@example.org/']) {
      handlers = [status(302, { location })]
      expect(await fails(`${origin}/m.gguf`)).toMatchObject({ code: 'usage' })
    }
  })
})

describe('the hub', () => {
  const from = 'hf:owner/name/folder/m.gguf@v1'
  const linked = (sha256: string, size = FILE.length): Handler =>
    status(302, { location: `${origin}/cdn`, 'x-linked-etag': `"${sha256}"`, 'x-linked-size': String(size) })

  test('its digest is compared, and it is asked for the revision', async () => {
    handlers = [linked(digest(FILE)), honest(FILE)]
    expect(await start(from)).toMatchObject({ sha256: digest(FILE), expected: digest(FILE) })
    expect(asked[0]!.url).toBe('/owner/name/resolve/v1/folder/m.gguf')
  })
  test('another file than the hub says is refused', async () => {
    handlers = [linked(digest(OTHER)), honest(FILE)]
    expect(await fails(from)).toMatchObject({ code: 'service-bad-answer' })
    expect(readdirSync(folder)).toEqual([])
    handlers = [linked(digest(FILE), 5), honest(FILE)]
    asked = []
    expect(await fails(from)).toMatchObject({ code: 'service-bad-answer' })
  })
  test('the caller’s digest and the hub’s must agree', async () => {
    handlers = [linked(digest(OTHER)), honest(OTHER)]
    expect(await fails(from, { sha256: digest(FILE) })).toMatchObject({ code: 'service-bad-answer' })
    expect(existsSync(folder)).toBe(true)
  })
})

test.each([
  'hf:owner/name',
  'hf:o/../m.gguf',
  'hf:o/n/a/../b',
  'hf:o/n/m@a/../b',
  'http://example.org/m',
  'ftp://x/m',
  'https://a:b@x/m',
])('%s names no model', text => {
  expect(() => readSource(text, 'https://hub.example')).toThrow(expect.objectContaining({ code: 'usage' }))
})

test.each([
  'http://127.0.0.1:8545/',
  'https://[::1]/',
  'http://localhost/m',
  'https://127.9.9.9/',
  'https://a.localhost/',
])('a server elsewhere does not send one on to %s', address => {
  expect(() => redirectedUrl(address, 'https://hub.example/m')).toThrow(
    expect.objectContaining({ code: 'usage' }),
  )
  expect(redirectedUrl('/other', 'https://hub.example/m').href).toBe('https://hub.example/other')
  expect(redirectedUrl(address, 'http://127.0.0.1:1/').href).toBe(address)
})
