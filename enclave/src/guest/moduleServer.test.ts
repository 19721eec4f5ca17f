import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAX_MODULE_REQUEST, MAX_MODULE_RESPONSE } from '../attest/limits.ts'
import { frameOf } from './frames.ts'
import { type ModuleCall, moduleAt, serveModule } from './moduleServer.ts'

let dir: string
const open: { close(): unknown }[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-'))
})
afterEach(() => {
  for (const one of open.splice(0)) one.close()
  rmSync(dir, { recursive: true, force: true })
})

function serve(call: ModuleCall): Server {
  const server = serveModule(join(dir, 'module'), call)
  open.push(server)
  return server
}

function caller(): Socket {
  const socket = connect(join(dir, 'module')).on('error', () => {})
  open.push({ close: () => socket.destroy() })
  return socket
}

/** Sends one frame and gives what comes until the answer is whole, or the connection ends. */
async function ask(content: Uint8Array | string, socket = caller()): Promise<string> {
  socket.write(frameOf(Buffer.from(content)))
  let received = Buffer.alloc(0)
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk])
    if (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) break
  }
  return received.subarray(4).toString()
}

test('one request at a time, each with its own answer, whoever asks', async () => {
  let running = 0
  serve(async request => {
    expect(++running).toBe(1)
    await sleep(5)
    running--
    return Buffer.from(`answer to ${Buffer.from(request)}`)
  })
  const names = Array.from({ length: 20 }, (_, i) => `${i}`)
  expect(await Promise.all(names.map(name => ask(name)))).toEqual(names.map(name => `answer to ${name}`))
})

test('a connection may ask again', async () => {
  serve(request => request)
  const socket = caller()
  expect(await ask('one', socket)).toBe('one')
  expect(await ask('two', socket)).toBe('two')
})

test('a request over the bound ends its connection, unasked', async () => {
  serve(() => expect.unreachable())
  const socket = caller()
  socket.write(frameOf(new Uint8Array(MAX_MODULE_REQUEST + 1)))
  expect((await buffer(socket)).length).toBe(0)
})

test('a module that fails ends that connection alone', async () => {
  serve(request => {
    if (request.length === 1) throw new Error('EIO')
    return request
  })
  expect(await ask('x')).toBe('')
  expect(await ask('whole')).toBe('whole')
})

test('who goes away while it waits is no failure', async () => {
  const answered = Promise.withResolvers<Uint8Array>()
  serve(request => (request.length === 1 ? answered.promise : request))
  const gone = caller()
  gone.write(frameOf(Buffer.from('x')))
  await sleep(20)
  gone.destroy()
  answered.resolve(Buffer.alloc(100))
  expect(await ask('whole')).toBe('whole')
})

test('requests that wait for a silent module are bounded in number', async () => {
  const silent = Promise.withResolvers<Uint8Array>()
  serve(() => silent.promise)
  for (let i = 0; i < 64; i++) {
    const socket = caller()
    socket.write(frameOf(Buffer.from('x')))
    await once(socket, 'ready')
    await sleep(1)
    // As the program does after its deadline.
    socket.destroy()
  }
  await sleep(50)
  expect(await ask('y')).toBe('')
  silent.resolve(Buffer.from('at last'))
  await sleep(20)
  expect(await ask('y')).toBe('at last')
})

/** The host's end of a stream to its module, and a call of it. */
async function remote(): Promise<{ call: ModuleCall; host: Socket }> {
  const server = createServer().listen(join(dir, 'host'))
  open.push(server)
  const host = connect(join(dir, 'host'))
  const [guest] = (await once(server, 'connection')) as [Socket]
  guest.on('error', () => {})
  open.push({ close: () => host.destroy() })
  return { call: moduleAt(guest), host }
}

test('a module at the other end of a stream is asked and answers', async () => {
  const { call, host } = await remote()
  host.once('data', request => host.write(frameOf(Buffer.concat([Buffer.from('re: '), request.subarray(4)]))))
  expect(Buffer.from(await call(Buffer.from('ask'))).toString()).toBe('re: ask')
})

const broken: [string, (host: Socket) => void, RegExp][] = [
  ['is gone', host => host.end(), /is gone/],
  ['breaks off in its answer', host => host.end(Buffer.of(0, 0, 0, 9, 1)), /is gone/],
  ['answers too much', host => host.write(Buffer.of(0, 0, 0x30, 1)), /at most 12288/],
]
test.each(broken)('one that %s is an error, and stays one', async (_, answer, message) => {
  const { call, host } = await remote()
  host.once('data', () => answer(host))
  await expect(call(Buffer.from('ask'))).rejects.toThrow(message)
  // What it says later is for nobody.
  if (host.writable) host.write(frameOf(Buffer.from('late')))
  await expect(call(Buffer.from('again'))).rejects.toThrow(/is gone/)
})

test('the longest answer is one', async () => {
  const { call, host } = await remote()
  host.once('data', () => host.write(frameOf(new Uint8Array(MAX_MODULE_RESPONSE))))
  expect(await call(Buffer.from('ask'))).toHaveLength(MAX_MODULE_RESPONSE)
})
