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
