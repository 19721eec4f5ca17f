import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Attack } from './attack.ts'
import type { Machine } from './boot.ts'
import {
  openSession,
  POST_START,
  request,
  SECRET,
  START,
  startOptions,
  type Target,
  toChannel,
  toModule,
} from './target.ts'

const link = (
  name: string,
  run: (guest: NonNullable<Target['guest']>, target: Target) => Promise<void>,
  outcome: Attack['outcome'] = 'answers',
): Attack => ({
  by: 'link',
  name,
  outcome,
  run: target => run(target.guest!, target),
})

/** What a host does over the link of a guest that runs. */
export const LINK_ATTACKS: Attack[] = [
  link('replay: a second start, and others at once', async ({ session }) => {
    const all = await Promise.all(
      Array.from({ length: 10 }, () => request(session, POST_START, startOptions())),
    )
    expect(all.map(({ status }) => status)).toEqual(all.map(() => 409))
  }),
  link('replay: a second security module', async ({ session }) => {
    expect((await request(session, toModule, SECRET)).status).toBe(409)
  }),
  link('garbage: requests that there are none of', async ({ session }) => {
    for (const headers of [
      { ':method': 'GET', ':path': '/v1/start' },
      { ':method': 'POST', ':path': `/${SECRET}` },
      { ':method': 'CONNECT', ':authority': '169.254.169.254:80' },
      { ':method': 'CONNECT', ':authority': '/run/nacre/nsm.sock' },
    ])
      expect([404, undefined]).toContain((await request(session, headers, SECRET)).status)
  }),
  link('oversize: headers', async ({ session }) => {
    const headers = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`x-${i}`, 'y'.repeat(200)]))
    expect((await request(session, { ...toChannel, ...headers })).status).toBeUndefined()
  }),
  link(
    'flood: five hundred connections at a time',
    async ({ session }) => {
      const streams = Array.from({ length: 500 }, () => session.request(toChannel, { endStream: false }))
      for (const stream of streams) stream.on('error', () => {})
      await sleep(500)
      for (const stream of streams) stream.close(8)
      await sleep(500)
    },
    'answers or ends',
  ),
  link(
    'flood: connections that are reset at once',
    async ({ session }) => {
      for (let i = 0; i < 300; i++)
        session
          .request(toChannel, { endStream: false })
          .on('error', () => {})
          .close(8)
      await sleep(300)
    },
    'answers or ends',
  ),
  link('flood: settings', async ({ session }) => {
    const closed = once(session, 'close').catch(() => {})
    // So many at a time as Node lets wait for their acknowledgement: with more, a slow guest's session would end on this side.
    for (let i = 0; i < 40; i += 8)
      await Promise.all(
        Array.from({ length: 8 }, (_, n) => {
          const { promise, resolve } = Promise.withResolvers<void>()
          session.settings({ initialWindowSize: 65_535 + i + n }, () => resolve())
          return Promise.race([promise, closed])
        }),
      )
  }),
  link('flood: bytes that the program does not read', async ({ session }) => {
    const { stream } = await request(session, toChannel)
    for (let i = 0; i < 64; i++) stream.write(Buffer.alloc(2 ** 20, 'x'))
    await sleep(500)
    stream.close(8)
  }),
  link(
    'truncation: the end, in the middle of an answer',
    async ({ link }, { client }) => {
      const answer = client.identity().catch(() => {})
      link.destroy()
      await answer
    },
    'ends',
  ),
  link(
    'flood: thousands of resets a second',
    async ({ session }) => {
      for (let i = 0; i < 5000 && !session.destroyed; i++) {
        session
          .request(toChannel, { endStream: false })
          .on('error', () => {})
          .close(8)
        if (i % 100 === 0) await sleep(1)
      }
    },
    'ends',
  ),
  link('garbage: what is no frame', async ({ link }) => void link.write(randomBytes(100_000)), 'ends'),
]

/** What a host does with a guest that has not been started: it ends, or it `waits` and nothing was started twice. */
export type StartAttack = { name: string; outcome: 'ends' | 'waits'; run(machine: Machine): Promise<void> }

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const h2frame = (type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
const SETTINGS = h2frame(4, 0, 0)

/**
 * Writes until the other end has had enough, or all is written and nobody minds. A host that reads nothing goes on so: what
 * it wrote may come to a machine only after this, and one whose answers are read is not attacked.
 */
async function pour(link: Duplex, block: Buffer, times: number): Promise<void> {
  link.on('error', () => {})
  // A machine reads nothing until it has booted.
  const late = sleep(40_000)
  for (let i = 0; i < times && link.writable; i++)
    if (!link.write(block))
      await Promise.race([once(link, 'drain'), once(link, 'close'), late]).catch(() => {})
}

const start = (name: string, outcome: StartAttack['outcome'], run: StartAttack['run']): StartAttack => ({
  name,
  outcome,
  run,
})
const begin = async ({ link }: Machine, body: string | Buffer) =>
  await request(openSession(link), POST_START, body)

/** Starts with these options: they are taken over the link, and the program refuses them. */
const refused = (name: string, body: string | Buffer): StartAttack =>
  start(name, 'ends', async machine => {
    // Taken over the link, whether or not the machine lives to say so.
    expect([200, undefined]).toContain((await begin(machine, body)).status)
  })

export const START_ATTACKS: StartAttack[] = [
  refused('garbage: no JSON', `{"version":1,"x":"${SECRET}`),
  refused('garbage: bytes', randomBytes(1000)),
  refused('garbage: null', 'null'),
  refused('garbage: a field too many', startOptions({ debug: SECRET })),
  refused('garbage: another version', startOptions({ version: 2 })),
  refused('garbage: a prototype', `{"__proto__":{"version":1},${startOptions().slice(1)}`),
  refused('garbage: no kind of evidence', startOptions({ evidence: 'none' })),
  refused(
    'oversize: a limit over every bound',
    startOptions({ config: { ...START.config, chainId: '31337', maxInput: 2 ** 40 } }),
  ),
  start('oversize: options of one byte too many', 'waits', async machine =>
    expect((await begin(machine, ' '.repeat(16_385))).status).toBe(413),
  ),
  start('delay: options that never end', 'waits', async ({ link }) => {
    const session = openSession(link)
    session
      .request(POST_START, { endStream: false })
      .on('error', () => {})
      .write(startOptions().slice(0, -1))
    await sleep(300)
    expect((await request(session, POST_START, startOptions())).status).toBe(409)
    expect((await request(session, toChannel)).status).toBe(503)
  }),
  start('truncation: options, and the end of the link', 'ends', async ({ link }) => {
    const session = openSession(link)
    session
      .request(POST_START, { endStream: false })
      .on('error', () => {})
      .write(startOptions().slice(0, -1))
    await sleep(100)
    link.destroy()
  }),
  start('replay: each frame of a start, once more', 'waits', async ({ link }) => {
    // :method POST, :scheme http, :path by its name (RFC 7541).
    const headers = Buffer.concat([Buffer.of(0x83, 0x86, 0x04, 9), Buffer.from('/v1/start')])
    const frames = [h2frame(1, 4, 1, headers), h2frame(0, 1, 1, Buffer.from(startOptions()))]
    link.resume().write(Buffer.concat([PREFACE, SETTINGS, ...frames, ...frames]))
  }),
  start('truncation: nothing but the end', 'ends', async ({ link }) => {
    link.write('x')
    link.end()
  }),
  start('garbage: HTTP/1.1', 'ends', async ({ link }) => void link.write('POST /v1/start HTTP/1.1\r\n\r\n')),
  start('garbage: bytes on the link', 'ends', async ({ link }) => void link.write(randomBytes(200_000))),
  start('flood: pings that are not read', 'ends', async ({ link }) => {
    link.pause()
    link.write(Buffer.concat([PREFACE, SETTINGS]))
    await pour(link, Buffer.concat(Array(1000).fill(h2frame(6, 0, 0, Buffer.alloc(8)))), 100)
  }),
  start('flood: settings that are not read', 'ends', async ({ link }) => {
    link.pause()
    link.write(PREFACE)
    await pour(link, Buffer.concat(Array(1000).fill(SETTINGS)), 100)
  }),
  start('flood: headers without an end', 'ends', async ({ link }) => {
    link.resume()
    link.write(Buffer.concat([PREFACE, SETTINGS, h2frame(1, 0, 1, Buffer.of(0x82))]))
    // Each a literal that is not indexed: x: y.
    await pour(link, h2frame(9, 0, 1, Buffer.concat(Array(3000).fill(Buffer.of(0, 1, 0x78, 1, 0x79)))), 2000)
  }),
  start('oversize: a frame over the bound', 'ends', async ({ link }) => {
    link.write(
      Buffer.concat([PREFACE, SETTINGS, Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1), Buffer.alloc(70_000)]),
    )
  }),
]
