import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { deriveRecipient, openRequest, sealRequest } from '@nacre/verify/seal'
import { afterEach, expect, test, vi } from 'vitest'
import { Gone, type Outlet, plainOutlet, sealedOutlet } from './outlet.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server whose answers are these, its port, and what became of each. */
async function serving(answer: (response: ServerResponse) => Promise<unknown>) {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const server = createServer((_, response) => {
    answer(response).then(resolve, resolve)
  })
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, outcome: promise }
}

/** Writes until it may not. */
async function pour(outlet: Outlet): Promise<number> {
  outlet.open({ status: 200, headers: { 'content-type': 'text/event-stream' } })
  for (let sent = 0; sent < 2 ** 30; sent += 65_536) await outlet.write(new Uint8Array(65_536))
  return await outlet.end().then(() => 0)
}

function client(port: number) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.pause().write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  return socket
}

const sealedOnes = async () => {
  const recipient = await deriveRecipient(new Uint8Array(32).fill(1))
  const binding = { path: '/', nonce: `0x${'00'.repeat(32)}`, receiptKey: `0x${'00'.repeat(20)}` } as const
  const sealed = await sealRequest({ ...binding, hpkeKey: recipient.hpkeKey, body: Uint8Array.of(1) })
  return { sealed, opened: await openRequest({ ...binding, recipient, sealed: sealed.body }) }
}

test.each(['plain', 'sealed'])('one that reads nothing is gone after a while: %s', async kind => {
  const { opened } = await sealedOnes()
  const { port, outcome } = await serving(response => {
    const plain = plainOutlet(response, 100)
    return pour(kind === 'plain' ? plain : sealedOutlet(plain, opened, { status: 200, headers: {} }))
  })
  const socket = client(port)
  expect(await outcome).toBeInstanceOf(Gone)
  socket.destroy()
})

test('one that does not read the rest of an answer keeps no connection', async () => {
  const { port, outcome } = await serving(async response => {
    const outlet = plainOutlet(response, 300)
    outlet.open({ status: 200, headers: {} })
    while (response.writableLength === 0) {
      await outlet.write(new Uint8Array(8192))
      await new Promise(resolve => setImmediate(resolve))
    }
    await outlet.end()
    await once(response, 'close')
    return response.writableFinished
  })
  const socket = client(port)
  expect(await outcome).toBe(false)
  socket.destroy()
})

test('one that reads a long answer slowly gets all of it', async () => {
  const length = 24 * 2 ** 20
  const { port, outcome } = await serving(async response => {
    const outlet = plainOutlet(response, 500)
    outlet.open({ status: 200, headers: {} }, length)
    await outlet.write(new Uint8Array(length))
    await outlet.end()
  })
  const socket = client(port)
  let read = 0
  socket.on('data', chunk => {
    read += chunk.length
    socket.pause()
    setTimeout(() => socket.resume(), 4)
  })
  socket.resume()
  expect(await outcome).toBeUndefined()
  await vi.waitFor(() => expect(read).toBeGreaterThan(length), 20_000)
  socket.destroy()
})

test.each(['plain', 'sealed'])('one that goes away ends the answer: %s', async kind => {
  const { opened } = await sealedOnes()
  const { port, outcome } = await serving(async response => {
    const plain = plainOutlet(response)
    const outlet = kind === 'plain' ? plain : sealedOutlet(plain, opened, { status: 200, headers: {} })
    response.on('pipe', () => {})
    setImmediate(() => socket.destroy())
    return await pour(outlet)
  })
  const socket = client(port)
  expect(await outcome).toBeInstanceOf(Gone)
})

test('what is sealed arrives whole, in order, with its own head', async () => {
  const { sealed, opened } = await sealedOnes()
  const { port } = await serving(async response => {
    const outlet = sealedOutlet(plainOutlet(response), opened, { status: 200, headers: {} })
    outlet.open({ status: 429, headers: { 'retry-after': '3' } })
    for (let i = 0; i < 50; i++) await outlet.write(Buffer.from(`${i},`))
    await outlet.end()
  })
  const response = await fetch(`http://127.0.0.1:${port}`)
  const { status, headers, body } = await sealed.openAnswer([new Uint8Array(await response.arrayBuffer())])
  let text = ''
  for await (const piece of body) text += Buffer.from(piece)
  expect({ status, headers }).toEqual({ status: 429, headers: { 'retry-after': '3' } })
  expect(text).toBe(`${Array.from({ length: 50 }, (_, i) => i).join()},`)
})
