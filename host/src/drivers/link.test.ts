import { once } from 'node:events'
import { type Http2Session, performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createModule } from '../nsm/module.ts'
import { createRoot } from '../nsm/root.ts'
import { type Link, openLink } from './link.ts'

/** A guest that is not what was measured, or was taken over: what it does to the host that opens a link to it. */
type Answer = (stream: ServerHttp2Stream, path: string) => unknown

const links: Link[] = []
const guests: Socket[] = []
afterEach(() => {
  for (const link of links.splice(0)) link.close()
  for (const guest of guests.splice(0)) guest.destroy()
})

async function pair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [guest] = (await once(server, 'connection')) as [Socket]
  server.close()
  guests.push(guest.on('error', () => {}))
  return [host, guest]
}

const securityModule = createModule({ root: createRoot(), pcrs: [], moduleId: 'simulated-test' })

async function linkTo(behave: (guest: Socket) => void): Promise<{ link: Link; lines: string[] }> {
  const [host, guest] = await pair()
  behave(guest)
  const lines: string[] = []
  const link = openLink(host, { startOptions: {}, securityModule, onLine: line => lines.push(line) })
  links.push(link)
  return { link, lines }
}

/** One that speaks HTTP/2 and answers each request like this. */
const answering = (answer: Answer) => (guest: Socket) => {
  const session = performServerHandshake(guest)
  session.on('error', () => {})
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    answer(stream, `${headers[':path'] ?? headers[':authority']}`)
  })
}

const ok: Answer = stream => stream.respond({ ':status': 200 })
const unreachable = { code: 'guest-unreachable' }

describe('no connection, and an error that says so', () => {
  const behaviours: [string, (guest: Socket) => void][] = [
    ['a guest that is gone', guest => guest.end()],
    ['a reset', guest => guest.resetAndDestroy()],
    ['what is no HTTP/2', guest => guest.write('HTTP/1.1 200 OK\r\n\r\n')],
    ['bytes of nothing', guest => guest.write(Buffer.alloc(100_000, 0xff))],
    [
      'a refusal',
      answering((stream, path) => {
        stream.respond({ ':status': path === '/v1/start' ? 200 : 503 }, { endStream: path !== '/v1/start' })
      }),
    ],
    ['a reset of every request', answering(stream => stream.close(2))],
    ['a farewell', answering(stream => (stream.session as Http2Session).goaway(0))],
    ['a refused start', answering(stream => stream.respond({ ':status': 500 }, { endStream: true }))],
  ]
  test.each(behaviours)('%s', async (_, behave) => {
    const { link } = await linkTo(behave)
    await expect(link.connect()).rejects.toMatchObject(unreachable)
  })

  test('after the end of the link, at once', async () => {
    const { link } = await linkTo(guest => guest.end())
    await link.ended
    await expect(link.connect()).rejects.toMatchObject(unreachable)
  })
})

describe('the link ends, and the machine with it', () => {
  const started: Answer = stream => {
    ok(stream, '')
    stream.resume()
  }
  const ends: [string, Answer][] = [
    [
      'a guest that says farewell and stays',
      stream => (stream.session as Http2Session).goaway(0, 2 ** 31 - 1),
    ],
    ['a program that ends in a guest that stays', (stream, path) => path === '/v1/start' && stream.end()],
    ['a start that is reset', (stream, path) => path === '/v1/start' && stream.close(8)],
  ]
  test.each(ends)('%s', async (_, end) => {
    const { link } = await linkTo(
      answering((stream, path) => {
        started(stream, path)
        end(stream, path)
      }),
    )
    await link.ended
    await expect(link.connect()).rejects.toMatchObject(unreachable)
  })
})

test('lines are bounded in length and number, and harmless to a terminal', async () => {
  const { lines } = await linkTo(
    answering((stream, path) => {
      ok(stream, path)
      if (path !== '/v1/start') return
      stream.write(`\u001b[2J${'x'.repeat(5000)}\n`)
      for (let i = 0; i < 30_000; i++) stream.write('y\n')
    }),
  )
  await vi.waitFor(() => expect(lines.at(-1)).toBe('enclave: further lines are dropped'), { timeout: 10_000 })
  expect(lines).toHaveLength(10_001)
  expect(lines[0]).toMatch(/^x+$/)
  expect(lines[0]!.length).toBeLessThanOrEqual(1000)
})

test('a flood on its way to the security module ends that tunnel alone', async () => {
  const closed = Promise.withResolvers<void>()
  const { link } = await linkTo(
    answering((stream, path) => {
      ok(stream, path)
      if (path !== 'security-module') return
      stream.on('aborted', closed.resolve)
      const pump = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(65_536, 0xff)));
      }
      stream.on('drain', pump)
      pump()
    }),
  )
  await closed.promise
  await link.connect()
})

test('a guest that opens streams of its own is not heard', async () => {
  const { link } = await linkTo(
    answering((stream, path) => {
      ok(stream, path)
      expect(stream.pushAllowed).toBe(false)
    }),
  )
  await link.connect()
})

/** More than a stream's window, and all of them no more than Node keeps for a session. */
const SIZE = 1_100_000

test('a connection that is not read holds no other up', async () => {
  const { link } = await linkTo(
    answering((stream, path) => {
      ok(stream, path)
      if (path === 'channel') stream.write(Buffer.alloc(SIZE, 'x'))
    }),
  )
  await Promise.all(Array.from({ length: 7 }, () => link.connect()))
  const read = await link.connect()
  let size = 0
  for await (const chunk of read) {
    size += (chunk as Buffer).length
    if (size >= SIZE) break
  }
  expect(size).toBe(SIZE)
})
