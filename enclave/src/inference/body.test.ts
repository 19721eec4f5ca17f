import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { type ApiError, apiAnswer } from './apiErrors.ts'
import { createBodies } from './body.ts'

test('so many bytes at a time: more are refused in words, and room comes back', async () => {
  const bodies = createBodies(1000)
  const releases: (() => void)[] = []
  const server = createServer(async (request, response) => {
    try {
      const { body, release } = await bodies.read(request, 800)
      releases.push(release)
      response.end(`${body.length}`)
    } catch (error) {
      response.writeHead(apiAnswer(error).status).end((error as ApiError).code)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const send = async (size: number) => {
    const response = await fetch(url, { method: 'POST', body: 'x'.repeat(size) })
    return [response.status, await response.text()]
  }
  expect(await send(801)).toEqual([413, 'request_too_large'])
  expect(await send(0)).toEqual([200, '0'])
  expect(await send(800)).toEqual([200, '800'])
  expect(await send(201)).toEqual([429, 'queue_full'])
  expect(await send(200)).toEqual([200, '200'])
  for (const release of releases.splice(0)) {
    release()
    release()
  }
  expect(await send(800)).toEqual([200, '800'])
  releases.pop()?.()
  // What was announced and did not come keeps nobody out.
  const silent = request(url, { method: 'POST', headers: { 'content-length': 800 } }).on('error', () => {})
  silent.flushHeaders()
  await once(silent, 'socket')
  expect(await send(800)).toEqual([200, '800'])
  silent.destroy()
  server.closeAllConnections()
  server.close()
})

test('a long body arrives as it was, in however many pieces', async () => {
  const bodies = createBodies(2 ** 20)
  const server = createServer(async (request, response) => {
    const { body, release } = await bodies.read(request, 2 ** 20)
    response.end(body)
    release()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sent = request({
    port: (server.address() as AddressInfo).port,
    method: 'POST',
    headers: { 'content-length': 300_000 },
  })
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 9001) {
    sent.write(bytes.subarray(at, at + size))
    await new Promise(resolve => setImmediate(resolve))
  }
  const [response] = await once(sent.end(), 'response')
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  expect(Buffer.concat(parts).equals(bytes)).toBe(true)
  server.closeAllConnections()
  server.close()
})
