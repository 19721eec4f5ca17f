import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { listen } from './listen.ts'

test('who takes nothing of a whole answer loses its connection', async () => {
  const long = 'x'.repeat(32 * 2 ** 20)
  const ended = Promise.withResolvers<void>()
  const { url, close } = await listen(
    (_, { incoming }) => {
      if (incoming.url === '/silent') incoming.socket.once('close', () => ended.resolve())
      return new Response(long)
    },
    { host: '127.0.0.1', port: 0, stallMs: 300 },
  )
  const silent = connect(Number(new URL(url).port), '127.0.0.1')
  await once(silent, 'connect')
  silent.on('error', () => {}).pause()
  silent.write('GET /silent HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(await (await fetch(url)).text()).toHaveLength(long.length)
  await ended.promise
  silent.destroy()
  await close()
})
