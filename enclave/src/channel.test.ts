import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { encodeCbor, ZERO_ADDRESS, ZERO_HASH } from '@nacre/verify'
import { encodeFrame } from '@nacre/verify/frame'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createChannel } from './channel.ts'
import { readStartOptions } from './config.ts'
import { ENGINE } from './engineName.ts'
import { createService } from './service.ts'

/** Bytes on the wire, as a broken or hostile host writes them; the security module is away. */
let dir: string
let channel: Server
const errors: unknown[] = []
const config = {
  version: 1,
  chainId: 31_337,
  registry: ZERO_ADDRESS,
  operator: ZERO_ADDRESS,
  releaseId: ZERO_HASH,
  maxInput: 1000,
  maxOutput: 1000,
}
const startOptions = () => ({
  version: 1,
  config,
  evidence: 'simulated',
  sockets: { channel: join(dir, 'channel'), securityModule: join(dir, 'nobody') },
  engine: { maxArtifacts: 1, maxArtifactBytes: 1000 },
})

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  const options = await read(startOptions())
  channel = createChannel(createService(options, ENGINE, join(import.meta.dirname, 'main.ts')), error =>
    errors.push(error),
  )
  channel.listen(options.sockets.channel)
  await once(channel, 'listening')
})

afterAll(async () => {
  channel.closeAllConnections()
  channel.close()
  await rm(dir, { recursive: true, force: true })
})

async function read(options: unknown) {
  const file = join(dir, 'config.json')
  await writeFile(file, typeof options === 'string' ? options : JSON.stringify(options))
  return readStartOptions(file)
}

/** Sends these bytes and returns the status and the error code of what comes back. */
async function exchange(bytes: string | Uint8Array): Promise<{ status: number; code?: string }> {
  const socket = connect(join(dir, 'channel'))
  socket.write(bytes)
  const answer = await text(socket)
  return { status: Number(answer.split(' ')[1]), code: /"code":"([^"]+)"/.exec(answer)?.[1] ?? '' }
}

function post(path: string, body: string | Uint8Array, headers: string[] = []): Uint8Array {
  const content = Buffer.from(body)
  const lines = [`POST ${path} HTTP/1.1`, 'host: x', 'connection: close', ...headers]
  const head = `${[...lines, `content-length: ${content.length}`].join('\r\n')}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), content])
}

/** A job's frame with this JSON, and an input of three bytes. */
const jobOf = (json: string | Uint8Array) =>
  encodeFrame({ json: Buffer.from(json), bytes: Uint8Array.of(1, 2, 3) })
const infer = (json: string | Uint8Array, headers?: string[]) => post('/v1/infer', jobOf(json), headers)

const get = (path: string, method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`

/** Waits until an empty job is answered like this. */
async function until(answer: { status: number; code: string }): Promise<void> {
  const look = async () => expect(await exchange(infer('{}'))).toEqual(answer)
  await vi.waitFor(look, { timeout: 20_000 })
}

describe('bytes on the channel', () => {
  const chunked =
    'POST /v1/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'
  const announced = (length: number) =>
    `POST /v1/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`
  const wrong: [string, () => string | Uint8Array, number, string][] = [
    ['an unknown path', () => get('/v2/health'), 404, 'unknown-route'],
    ['a path with a query', () => get('/v1/health?x'), 404, 'unknown-route'],
    ['a name of every object', () => get('/constructor'), 404, 'unknown-route'],
    ['another method', () => get('/v1/infer'), 405, 'method-not-allowed'],
    ['a method that removes', () => get('/v1/health', 'DELETE'), 405, 'method-not-allowed'],
    ['no length', () => get('/v1/infer', 'POST'), 411, 'length-required'],
    ['chunks', () => chunked, 411, 'length-required'],
    ['a body over the limit, before it is sent', () => announced(16 * 2 ** 20), 413, 'body-too-large'],
    [
      'a body with a GET',
      () => `${get('/v1/health').slice(0, -2)}content-length: 1\r\n\r\nx`,
      413,
      'body-too-large',
    ],
    ['a long nonce call', () => post('/v1/attest', ' '.repeat(4097)), 413, 'body-too-large'],
    ['a job as JSON alone', () => post('/v1/infer', '{}'), 400, 'malformed-job'],
    ['an empty job', () => post('/v1/infer', ''), 400, 'malformed-job'],
    ['a job that is cut short', () => post('/v1/infer', jobOf('{}').subarray(0, -1)), 400, 'malformed-job'],
    ['a byte after the job', () => post('/v1/infer', Buffer.of(...jobOf('{}'), 0)), 400, 'malformed-job'],
    [
      'a job of another version',
      () => post('/v1/infer', encodeCbor([2, Buffer.from('{}'), Buffer.of(1)])),
      400,
      'malformed-job',
    ],
    ['long JSON in a job', () => infer(`{}${' '.repeat(4095)}`), 400, 'malformed-job'],
    [
      'an input over every limit',
      () =>
        post('/v1/infer', encodeFrame({ json: Buffer.from('{}'), bytes: new Uint8Array(15 * 2 ** 20 + 2) })),
      400,
      'malformed-job',
    ],
    ['no JSON', () => infer('{'), 400, 'malformed-json'],
    ['no JSON in a small call', () => post('/v1/attest', '{'), 400, 'malformed-json'],
    ['bytes that are no UTF-8', () => infer(Buffer.of(0x22, 0xff, 0x22)), 400, 'malformed-json'],
    ['an array', () => infer('[]'), 400, 'malformed-job'],
    ['a prototype', () => post('/v1/attest', '{"__proto__":{},"nonce":"0x00"}'), 400, 'malformed-job'],
    ['a nonce that is a number', () => post('/v1/attest', '{"nonce":1}'), 400, 'malformed-job'],
    ['an artifact without its hash', () => post('/v1/artifacts', 'x'), 400, 'malformed-job'],
    ['a hash that is none', () => post('/v1/artifacts', 'x', ['x-artifact: abc']), 400, 'malformed-job'],
    ['no HTTP', () => 'hello\r\n\r\n', 400, ''],
    ['long headers', () => infer('{}', [`x: ${'x'.repeat(5000)}`]), 431, ''],
  ]
  test.each(wrong)('%s', async (_, bytes, status, code) => {
    expect(await exchange(bytes())).toEqual({ status, code })
  })

  test('a security module that is away is an error of its own, and the rest still works', async () => {
    expect(await exchange(post('/v1/attest', '{"nonce":"0x00"}'))).toEqual({
      status: 502,
      code: 'security-module',
    })
    expect(errors).toEqual([expect.objectContaining({ code: 'security-module' })])
    expect(await exchange(get('/v1/health'))).toEqual({ status: 200, code: '' })
  })

  test('calls that hold a body are bound in number; health still answers', async () => {
    const held = Array.from({ length: 32 }, () => connect(join(dir, 'channel')))
    await Promise.all(held.map(socket => once(socket, 'connect')))
    for (const socket of held) socket.write(`${announced(100)}{`)
    await until({ status: 503, code: 'busy' })
    expect(await exchange(get('/v1/health'))).toEqual({ status: 200, code: '' })
    for (const socket of held) socket.destroy()
    await until({ status: 400, code: 'malformed-job' })
  })

  test('headers that never end are cut off', async () => {
    expect(await exchange('GET /v1/health HTTP/1.1\r\nhost: ')).toEqual({ status: 408, code: '' })
  })

  test('what was sent is in no error and in no log', async () => {
    const secret = 'c0ffee5ec2e7'
    const bodies = [
      `{"input":"0x${secret}`,
      `{"input":"0x${secret}zz"}`,
      `{"nonce":"${secret}"}`,
      JSON.stringify({ origin: { type: secret }, artifact: secret, input: secret }),
    ]
    const before = errors.length
    for (const body of bodies) {
      const frame = encodeFrame({ json: Buffer.from(body), bytes: Buffer.from(secret) })
      for (const call of [post('/v1/infer', frame), post('/v1/infer', body), post('/v1/attest', body)]) {
        const socket = connect(join(dir, 'channel'))
        socket.write(call)
        expect(await text(socket)).not.toContain(secret)
      }
    }
    expect(errors).toHaveLength(before)
  })

  test('a job nested as deep as its JSON is long is malformed', async () => {
    const depth = 2000
    const nested = `{"origin":${'['.repeat(depth)}${']'.repeat(depth)}}`
    expect(await exchange(infer(nested))).toEqual({ status: 400, code: 'malformed-job' })
  })

  test('a body that breaks off leaves the channel working', async () => {
    const socket = connect(join(dir, 'channel'))
    socket.end(`${announced(100)}{`)
    await text(socket)
    expect(await exchange(get('/v1/identity'))).toEqual({ status: 200, code: '' })
  })
})

describe('configuration', () => {
  const defects: [string, () => unknown][] = [
    ['another version', () => ({ ...startOptions(), version: 2 })],
    ['another version of what is attested', () => ({ ...startOptions(), config: { ...config, version: 2 } })],
    ['an unknown field', () => ({ ...startOptions(), debug: true })],
    ['a missing field', () => ({ ...startOptions(), engine: undefined })],
    ['no kind of evidence', () => ({ ...startOptions(), evidence: undefined })],
    ['a kind of evidence that is not known', () => ({ ...startOptions(), evidence: 'sgx' })],
    ['a security module that is not used', () => ({ ...startOptions(), evidence: 'tdx' })],
    [
      'no security module where there has to be one',
      () => ({ ...startOptions(), evidence: 'nitro', sockets: { channel: join(dir, 'channel') } }),
    ],
    ['an input limit of zero', () => ({ ...startOptions(), config: { ...config, maxInput: 0 } })],
    [
      'an output limit over what an answer holds',
      () => ({ ...startOptions(), config: { ...config, maxOutput: 2 ** 25 } }),
    ],
    [
      'an address in capitals',
      () => ({ ...startOptions(), config: { ...config, operator: `0x${'AA'.repeat(20)}` } }),
    ],
    ['no JSON', () => 'version: 1'],
    ['a file without end', () => ' '.repeat(20_000)],
  ]
  test.each(defects)('%s is refused', async (_, options) => {
    await expect(read(options())).rejects.toMatchObject({ code: 'invalid-config' })
  })
})
