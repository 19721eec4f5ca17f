import { createHash } from 'node:crypto'
import { Agent, request } from 'node:https'
import { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'

/** A `fetch` over TLS to whoever has this key, SHA-256 of its SubjectPublicKeyInfo: nothing is sent to another. */
export function pinnedFetch(keyHash: `0x${string}`): typeof fetch {
  // A connection and a whole handshake for each call: a resumed one shows no certificate.
  const agent = new Agent({ rejectUnauthorized: false, maxCachedSessions: 0 })
  return async (input, init = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    const outgoing = request(String(input), {
      agent,
      method: init.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(init.signal ? { signal: init.signal } : {}),
    })
    outgoing.on('error', reject)
    outgoing.on('response', answer => {
      const headers = Object.entries(answer.headers).map(
        ([name, value]) => [name, String(value)] as [string, string],
      )
      const body = Readable.toWeb(answer) as ReadableStream<Uint8Array>
      resolve(new Response(body, { status: answer.statusCode ?? 500, headers }))
    })
    outgoing.on('socket', socket => {
      const send = (): void => {
        if (hashOf(socket as TLSSocket) !== keyHash) return void outgoing.destroy(new Error('another key'))
        outgoing.end(init.body)
      }
      socket.once('secureConnect', send)
    })
    return promise
  }
}

function hashOf(socket: TLSSocket): string {
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' })
  return key ? `0x${createHash('sha256').update(key).digest('hex')}` : ''
}
