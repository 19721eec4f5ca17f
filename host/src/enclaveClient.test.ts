import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import { encodeCbor, ZERO_ADDRESS, ZERO_HASH } from '@nacre/verify'
import { encodeFrame } from '@nacre/verify/frame'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEnclaveClient, type EnclaveClient } from './enclaveClient.ts'

/** Whoever answers here is an enclave that misbehaves: what it says byte for byte is each test's. */
let dir: string
let server: Server
let client: EnclaveClient
let reply: (socket: Socket) => void
const sockets = new Set<Socket>()

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  const socketPath = join(dir, 'enclave.sock')
  server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {}).once('data', () => reply(socket))
  }).listen(socketPath)
  await once(server, 'listening')
  client = createEnclaveClient({ connect })
})

afterEach(async () => {
  client.close()
  for (const socket of sockets) socket.destroy()
  server.close()
  await rm(dir, { recursive: true, force: true })
})

const connect = async (): Promise<Duplex> => connectSocket(join(dir, 'enclave.sock'))

function answer(status: number, body: string | Uint8Array, length = Buffer.from(body).length): void {
  reply = socket => {
    socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: ${length}\r\n\r\n`)
    socket.write(body)
  }
}

/** For what never comes; whoever waits for an answer has the usual time. */
async function impatient(): Promise<void> {
  const hasty = createEnclaveClient({ connect, timeoutMs: 300 })
  await hasty.health().finally(hasty.close)
}

test('no answer is a timeout, and may be tried again', async () => {
  reply = () => {}
  await expect(impatient()).rejects.toMatchObject({ code: 'timeout', retryable: true })
})

test('half an answer is a timeout too', async () => {
  answer(200, '{"ok"', 100)
  await expect(impatient()).rejects.toMatchObject({ code: 'timeout' })
})

test('a connection that breaks is unreachable', async () => {
  reply = socket => socket.destroy()
  await expect(client.health()).rejects.toMatchObject({ code: 'unreachable', retryable: true })
})

test('a connection that cannot be opened is unreachable, one that does not open a timeout', async () => {
  const refused = createEnclaveClient({ connect: () => Promise.reject(new Error('no link')) })
  await expect(refused.health()).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('no link'),
  })
  const never = createEnclaveClient({ connect: () => new Promise(() => {}), timeoutMs: 300 })
  await expect(never.health()).rejects.toMatchObject({ code: 'timeout' })
})

describe('whatever byte stream a connection is, it is kept open and used again', () => {
  const body = '{"ok":true}'
  const serve = (stream: Duplex) =>
    stream.on('data', () => stream.write(`HTTP/1.1 200 X\r\ncontent-length: ${body.length}\r\n\r\n${body}`))

  test('a stream that is no socket', async () => {
    let opened = 0
    const pair = async () => {
      opened++
      const [own, other] = duplexPair()
      serve(other)
      return own
    }
    const piped = createEnclaveClient({ connect: pair })
    for (let call = 0; call < 3; call++) await piped.health()
    piped.close()
    expect(opened).toBe(1)
  })

  test('a tunnel of HTTP/2', async () => {
    const tunnels: Duplex[] = []
    const far = createHttp2Server().listen(0, '127.0.0.1')
    far.on('stream', stream => {
      stream.respond({ ':status': 200 })
      serve(stream)
    })
    await once(far, 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(far.address() as AddressInfo).port}`)
    const tunnel = async () => {
      const stream = session.request({ ':method': 'CONNECT', ':authority': 'channel' })
      await once(stream, 'response')
      tunnels.push(stream)
      return stream
    }
    const tunnelled = createEnclaveClient({ connect: tunnel })
    await Promise.all([tunnelled.health(), tunnelled.health()])
    await tunnelled.health()
    expect(tunnels).toHaveLength(2)
    tunnelled.close()
    expect(tunnels.every(({ destroyed }) => destroyed)).toBe(true)
    session.close()
    far.close()
  })
})

test('an answer that never ends is cut off', async () => {
  reply = socket => {
    const block = Buffer.alloc(2 ** 20)
    socket.write(`HTTP/1.1 200 X\r\ncontent-length: ${2 ** 40}\r\n\r\n`)
    const pump = () => {
      while (!socket.destroyed && socket.write(block));
    }
    socket.on('drain', pump)
    pump()
  }
  await expect(client.health()).rejects.toMatchObject({ code: 'malformed-response' })
})

const malformed: [string, number, string][] = [
  ['no JSON', 200, 'ok'],
  ['another value', 200, '{"ok":false}'],
  ['a field too many', 200, '{"ok":true,"more":1}'],
  ['an error without its form', 404, '{"error":"no"}'],
  ['an unknown error code', 400, '{"error":{"code":"new-code","message":"m","fix":"f"}}'],
  ['an unexpected status', 301, '{"ok":true}'],
]
test.each(malformed)('%s is malformed', async (_, status, body) => {
  answer(status, body)
  await expect(client.health()).rejects.toMatchObject({ code: 'malformed-response', retryable: false })
})

test('an error of the enclave keeps its code, message and fix', async () => {
  answer(502, '{"error":{"code":"security-module","message":"it is away","fix":"start it"}}')
  const error = { code: 'security-module', message: 'it is away', fix: 'start it', retryable: true }
  await expect(client.health()).rejects.toMatchObject(error)
})

/** The JSON of an answer in which nothing is wrong in form. */
const fields = {
  receipt: {
    version: 1,
    status: 0,
    sequence: 1,
    anchorNumber: 1,
    ...Object.fromEntries(
      'requestId releaseId configHash artifact inputHash outputHash parametersHash usageHash anchorHash parentsRoot extensionsRoot'
        .split(' ')
        .map(field => [field, ZERO_HASH]),
    ),
  },
  signature: `0x${'00'.repeat(65)}`,
  parameters: { engine: 'e', seed: '0' },
  usage: { units: 1, price: '0', token: ZERO_ADDRESS, maxOutput: 1 },
}
const json = Buffer.from(JSON.stringify(fields))
const frame = encodeFrame({ json, bytes: Buffer.of(1, 255) })
const infer = () =>
  client.infer({
    origin: { type: 'client', nonce: ZERO_HASH },
    artifact: ZERO_HASH,
    input: Buffer.of(1),
    anchor: { number: 1n, hash: ZERO_HASH },
    maxOutput: 1,
    usage: { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS },
  })

test('the output of an answer comes as bytes', async () => {
  answer(200, frame)
  expect(await infer()).toMatchObject({ output: '0x01ff', signature: fields.signature })
})

const frames: [string, Uint8Array][] = [
  ['JSON alone', json],
  ['nothing', Buffer.alloc(0)],
  ['an answer that is cut short', frame.subarray(0, -1)],
  ['a byte after the answer', Buffer.of(...frame, 0)],
  ['an answer of another version', encodeCbor([2, json, Buffer.of(1)])],
  ['long JSON', encodeFrame({ json: Buffer.alloc(65_537, ' '), bytes: Buffer.of(1) })],
  ['an output in the JSON', encodeFrame({ json: withField({ output: '0x01' }), bytes: Buffer.of(1) })],
  ['JSON that is no UTF-8', encodeFrame({ json: Buffer.of(0x22, 0xff, 0x22), bytes: Buffer.of(1) })],
]
test.each(frames)('%s is malformed', async (_, body) => {
  answer(200, body)
  await expect(infer()).rejects.toMatchObject({ code: 'malformed-response', retryable: false })
})

function withField(field: object): Uint8Array {
  return Buffer.from(JSON.stringify({ ...fields, ...field }))
}
