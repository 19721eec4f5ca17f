import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Hex, keccak256, stringToHex, toHex } from 'viem'
import { afterEach, expect, test } from 'vitest'
import { type FetchInputOptions, fetchInput, InputError } from './fetchInput.ts'

const BYTES = new Uint8Array([1, 2, 3])
const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function get(url: string, options: Partial<FetchInputOptions> = {}): Promise<Hex> {
  return fetchInput({
    source: stringToHex(url),
    refusal: input => (keccak256(input) === keccak256(BYTES) ? undefined : 'they have another hash'),
    maxBytes: 100,
    timeoutMs: 30_000,
    allowPrivate: true,
    ...options,
  })
}

const refusal = (message: string, final: boolean) =>
  expect.objectContaining({ constructor: InputError, message: expect.stringContaining(message), final })

test('bytes that have the hash are fetched, by address and by name', async () => {
  const url = await serve((_, response) => response.end(BYTES))
  expect(await get(url)).toBe(toHex(BYTES))
  expect(await get(url.replace('127.0.0.1', 'localhost'))).toBe(toHex(BYTES))
})

test.each([
  [
    'another hash',
    (_: unknown, response: { end(x: string): unknown }) => response.end('else'),
    'another hash',
  ],
  [
    'a redirect, which could lead anywhere',
    (_: unknown, response: { writeHead(n: number, h: object): { end(): void } }) =>
      response.writeHead(302, { location: 'http://127.0.0.1/' }).end(),
    'status 302',
  ],
  [
    'more bytes than the limit, without a length',
    (_: unknown, response: { write(x: Buffer): unknown }) => response.write(Buffer.alloc(200)),
    'more than 100 bytes',
  ],
])('%s is refused, and may be better later', async (_, listener, message) => {
  await expect(get(await serve(listener as RequestListener))).rejects.toEqual(refusal(message, false))
})

test('what drips, or says nothing, ends at the deadline', async () => {
  const drip = await serve((_, response) => {
    response.write('a')
    const timer = setInterval(() => response.write('a'), 50)
    response.on('close', () => clearInterval(timer))
  })
  const silent = await serve(() => {})
  for (const url of [drip, silent])
    await expect(get(url, { timeoutMs: 300 })).rejects.toEqual(refusal('not fetched in 300 ms', false))
})

test('a server that is not there may come', async () => {
  const url = await serve(() => {})
  servers.pop()?.close()
  await expect(get(url)).rejects.toEqual(refusal('ECONNREFUSED', false))
})

test.each(['ftp://example.com/a', 'file:///etc/passwd', 'no url', 'http://user:pass@example.com/', ''])(
  'the source %j is refused for good',
  async url => {
    await expect(get(url)).rejects.toEqual(refusal('no http or https URL', true))
  },
)

test.each([
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[fe80::1]',
  '[fd00::1]',
  '[2002:7f00:1::]',
  'localhost',
])('no operator asks %s for a stranger', async host => {
  await expect(get(`http://${host}:9/`, { allowPrivate: false })).rejects.toEqual(
    refusal('its source is not public', true),
  )
})
