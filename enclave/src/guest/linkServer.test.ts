import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openLink } from '../../../host/src/drivers/link.ts'
import { createModule } from '../../../host/src/nsm/module.ts'
import { createRoot } from '../../../host/src/nsm/root.ts'
import { frameOf } from './frames.ts'
import { type LinkHandlers, serveLink } from './linkServer.ts'
import { moduleAt } from './moduleServer.ts'
import { MAX_START } from './paths.ts'

/** Two ends of one connection of this machine, as a port of a VM has. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [guest] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [host, guest]
}

/** A guest whose program answers each connection by what it got, in capitals. */
type Guest = {
  host: Socket
  started: string[]
  lines: PassThrough
  modules: Duplex[]
  ended: Promise<void>
  program: { listens: boolean; connections: Duplex[]; services: string[] }
}
let guest: Guest
const sessions: ClientHttp2Session[] = []

beforeEach(async () => {
  const [host, end] = await pair()
  host.on('error', () => {})
  const program: Guest['program'] = { listens: true, connections: [], services: [] }
  const made: Omit<Guest, 'ended'> = { host, started: [], lines: new PassThrough(), modules: [], program }
  const handlers: LinkHandlers = {
    start(options) {
      made.started.push(options)
      return made.lines
    },
    async connect(service) {
      if (!program.listens) throw new Error('ENOENT')
      program.services.push(service)
      const [near, far] = await pair()
      program.connections.push(near)
      far.on('error', () => {}).on('data', chunk => far.write(`${chunk}`.toUpperCase()))
      return near
    },
    securityModule: tunnel => void made.modules.push(tunnel),
  }
  guest = { ...made, ended: serveLink(end, handlers) }
})
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
  guest.host.destroy()
})

function raw(): ClientHttp2Session {
  const session = connectHttp2('http://guest', { createConnection: () => guest.host })
  session.on('error', () => {})
  sessions.push(session)
  return session
}

async function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Uint8Array) {
  const stream = session.request(headers, { endStream: false }).on('error', () => {})
  stream.end(body)
  const [answer] = await once(stream, 'response')
  return { status: answer[':status'] as number, stream }
}

const START = { ':method': 'POST', ':path': '/v1/start' }
const CHANNEL = { ':method': 'CONNECT', ':authority': 'channel' }
const MODULE = { ':method': 'CONNECT', ':authority': 'security-module' }

describe('host and guest', () => {
  test('start, lines, channel, and the end of all of it', async () => {
    const lines: string[] = []
    const link = openLink(guest.host, { startOptions: { a: 1 }, onLine: line => lines.push(line) })
    await vi.waitFor(() => expect(guest.started).toEqual(['{"a":1}']))
    guest.lines.write('enclave: ready\nred \u001b[31m\u202ealert\n')
    await vi.waitFor(() => expect(lines).toEqual(['enclave: ready', 'red alert']))
    const [one, two] = await Promise.all([link.connect(), link.connect('api')])
    expect(guest.program.services).toEqual(['channel', 'api'])
    one.end('one')
    two.write('two')
    expect(`${(await once(two, 'data'))[0]}`).toBe('TWO')
    expect(await text(one)).toBe('ONE')
    link.close()
    await Promise.all([link.ended, guest.ended])
    await expect(link.connect()).rejects.toMatchObject({ code: 'guest-unreachable' })
    await vi.waitFor(() => expect(guest.program.connections.every(({ destroyed }) => destroyed)).toBe(true))
  })

  test('large bodies pass both ways at once', async () => {
    const link = openLink(guest.host, { startOptions: {}, onLine: () => {} })
    const streams = await Promise.all(Array.from({ length: 8 }, () => link.connect()))
    const all = streams.map(async stream => {
      stream.end('x'.repeat(5_000_000))
      return (await text(stream)).length
    })
    expect(await Promise.all(all)).toEqual(streams.map(() => 5_000_000))
    link.close()
  })

  test('while the largest artifact is on its way, others are heard', async () => {
    const link = openLink(guest.host, { startOptions: {}, onLine: () => {} })
    const long = await link.connect()
    long.write(Buffer.alloc(32 * 2 ** 20, 'x'))
    const short = await link.connect()
    short.end('short')
    expect(await text(short)).toBe('SHORT')
    link.close()
  })

  test('the host’s module answers through the link', async () => {
    const pcrs = [1, 2, 3].map(byte => new Uint8Array(48).fill(byte))
    const securityModule = createModule({ root: createRoot(), pcrs, moduleId: 'simulated-test' })
    const link = openLink(guest.host, { startOptions: {}, securityModule, onLine: () => {} })
    await vi.waitFor(() => expect(guest.modules).toHaveLength(1))
    const call = moduleAt(guest.modules[0]!)
    // "DescribeNSM" in CBOR.
    const answer = await call(Buffer.concat([Buffer.of(0x6b), Buffer.from('DescribeNSM')]))
    expect(Buffer.from(answer).toString('latin1')).toContain('simulated-test')
    link.close()
  })

  test('a program that is not there is said, and so is a start that is refused', async () => {
    const session = raw()
    await ask(session, START, '{}')
    guest.program.listens = false
    expect((await ask(session, CHANNEL)).status).toBe(503)
    guest.program.listens = true
    expect((await ask(session, CHANNEL)).status).toBe(200)
  })

  test('a start that a guest refuses ends the link, and the host says why', async () => {
    const lines: string[] = []
    const startOptions = 'x'.repeat(MAX_START)
    const link = openLink(guest.host, { startOptions, onLine: line => lines.push(line) })
    await link.ended
    expect(lines).toContain('link: the guest refused its start with status 413')
    await guest.ended
  })

  test('a guest that never answers a request for a connection is waited for no longer than said', async () => {
    const [host] = await pair()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const link = openLink(host, { startOptions: {}, onLine: () => {} })
      const refused = expect(link.connect()).rejects.toMatchObject({ code: 'guest-unreachable' })
      await vi.advanceTimersByTimeAsync(10_000)
      await refused
      link.close()
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a hostile host', () => {
  const refused: [string, OutgoingHttpHeaders][] = [
    ['another path', { ':method': 'POST', ':path': '/v1/stop' }],
    ['another method', { ':method': 'GET', ':path': '/v1/start' }],
    ['a path with a query', { ':method': 'POST', ':path': '/v1/start?x' }],
    ['a tunnel to elsewhere', { ':method': 'CONNECT', ':authority': '127.0.0.1:22' }],
    ['a tunnel in capitals', { ':method': 'CONNECT', ':authority': 'CHANNEL' }],
  ]
  test.each(refused)('%s is not found, and holds nothing', async (_, headers) => {
    const session = raw()
    for (let i = 0; i < 200; i++) {
      const { status, stream } = await ask(session, headers, 'x'.repeat(1000))
      expect(status).toBe(404)
      stream.resume()
      await once(stream, 'close')
    }
    expect((await ask(session, CHANNEL)).status).toBe(200)
  })

  test('a second start is a conflict, whatever became of the first', async () => {
    const session = raw()
    expect((await ask(session, START, 'first')).status).toBe(200)
    expect((await ask(session, START, 'second')).status).toBe(409)
    expect(guest.started).toEqual(['first'])
  })

  test('options of one byte too many are refused, and no others are taken', async () => {
    const session = raw()
    expect((await ask(session, START, ' '.repeat(MAX_START + 1))).status).toBe(413)
    expect((await ask(session, START, '{}')).status).toBe(409)
    expect(guest.started).toEqual([])
  })

  test('options without an end start nothing', async () => {
    const session = raw()
    session
      .request(START, { endStream: false })
      .on('error', () => {})
      .write('{')
    await sleep(50)
    expect((await ask(session, START, '{}')).status).toBe(409)
    expect((await ask(session, CHANNEL)).status).toBe(200)
    expect(guest.started).toEqual([])
  })

  test('one security module, and none after the start', async () => {
    const session = raw()
    expect((await ask(session, MODULE)).status).toBe(200)
    expect((await ask(session, MODULE)).status).toBe(409)
    expect((await ask(session, START, '{}')).status).toBe(200)
    expect((await ask(session, MODULE)).status).toBe(409)
    expect(guest.modules).toHaveLength(1)
  })

  test('no module after a start without one', async () => {
    const session = raw()
    await ask(session, START, '{}')
    expect((await ask(session, MODULE)).status).toBe(409)
    expect(guest.modules).toEqual([])
  })

  const breaking: [string, (host: Socket) => void][] = [
    ['what is no HTTP/2', host => host.write('GET / HTTP/1.1\r\n\r\n')],
    ['a preface that breaks off', host => host.end('PRI * HTTP/2.0\r\n')],
    ['nothing', host => host.end()],
    ['a reset', host => host.resetAndDestroy()],
    [
      'a frame over the bound',
      host => {
        host.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
        host.write(Buffer.concat([Buffer.of(0xff, 0xff, 0xff, 4, 0, 0, 0, 0, 0), Buffer.alloc(65_536)]))
      },
    ],
    ['a security module’s frame', host => host.write(frameOf(Buffer.alloc(40)))],
  ]
  test.each(breaking)('%s ends the link', async (_, attack) => {
    guest.host.resume()
    attack(guest.host)
    await guest.ended
    expect(guest.started).toEqual([])
  })

  test('headers over the bound reach nothing', async () => {
    const session = raw()
    const big = { ...START, ...Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`x${i}`, 'y'])) }
    const stream = session.request(big, { endStream: false }).on('error', () => {})
    stream.end('{}')
    await expect(once(stream, 'close')).rejects.toThrow('ENHANCE_YOUR_CALM')
    expect(guest.started).toEqual([])
  })

  test('connections that are reset in the middle of an answer leave nothing behind', async () => {
    const link = openLink(guest.host, { startOptions: {}, onLine: () => {} })
    for (let i = 0; i < 400; i++) {
      const connection = await link.connect()
      connection.on('error', () => {}).write('x'.repeat(2_000_000))
      await sleep(1)
      connection.destroy()
    }
    const { connections } = guest.program
    await vi.waitFor(() => expect(connections.filter(({ destroyed }) => !destroyed)).toEqual([]))
    expect(connections).toHaveLength(400)
    link.close()
  })

  test('as many streams as are allowed, and not one more', async () => {
    const session = raw()
    await once(session, 'remoteSettings')
    const held = Array.from({ length: 600 }, () => session.request(CHANNEL, { endStream: false }))
    for (const stream of held) stream.on('error', () => {})
    await vi.waitFor(() => expect(guest.program.connections.length).toBe(584))
    await sleep(50)
    expect(guest.program.connections.length).toBe(584)
    for (const stream of held) stream.close()
  })
})
