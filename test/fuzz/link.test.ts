import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { serveLink } from '../../enclave/src/guest/linkServer.ts'
import { createRandom, mutate } from './mutate.ts'

const RUNS = process.env.NACRE_LONG === '1' ? 3000 : 200
const OPTIONS = JSON.stringify({ version: 1, evidence: 'simulated' })

async function pair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [guest] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [host.on('error', () => {}), guest]
}

/** A guest's end of the link, and what became of it. */
function guestAt(link: Socket) {
  const reached = { started: [] as string[], channels: 0, modules: 0 }
  const ended = serveLink(link, {
    start(options) {
      reached.started.push(options)
      return new PassThrough()
    },
    async connect() {
      reached.channels++
      return new PassThrough()
    },
    securityModule: () => void reached.modules++,
  })
  return { reached, ended }
}

/** What an honest host writes: a module, a start, two connections. */
async function honestBytes(): Promise<Buffer> {
  const [host, link] = await pair()
  const written: Buffer[] = []
  link.on('data', chunk => written.push(chunk))
  const { ended } = guestAt(link)
  const session = connectHttp2('http://guest', { createConnection: () => host })
  const authorities = ['security-module', 'channel', 'channel']
  const tunnels = authorities.map(name => ({ ':method': 'CONNECT', ':authority': name }))
  for (const headers of [...tunnels, { ':method': 'POST', ':path': '/v1/start' }]) {
    const stream = session.request(headers, { endStream: false }).on('error', () => {})
    await once(stream.end(OPTIONS), 'response')
  }
  session.destroy()
  await ended
  return Buffer.concat(written)
}

test('whatever a host writes on the link, one start and one module at most are reached, and its end is one', async () => {
  const whole = await honestBytes()
  const random = createRandom(0x11c4)
  for (let i = 0; i < RUNS; i++) {
    const [host, link] = await pair()
    const { reached, ended } = guestAt(link)
    host.resume().end(mutate(whole, random, whole))
    await ended
    expect(reached.started.length).toBeLessThanOrEqual(1)
    expect(reached.modules).toBeLessThanOrEqual(1)
    host.destroy()
    link.destroy()
  }
})
