import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { listenAt } from '../common/listen.ts'
import type { Serving } from './enclaves.ts'

export type TlsPort = { url: string; close(): Promise<void> }

/** A connection on which nothing moves for so long is ended: longer than any answer is silent. */
const IDLE_MS = 600_000

/**
 * Passes connections on to the serving enclave, in which their TLS ends: all that is seen here is when how many bytes go
 * which way. Throws PORT_IN_USE.
 */
export async function openTlsPort(options: {
  host: string
  port: number
  /** Connections at a time; one more is closed at once. */
  most: number
  enclave: () => Serving | undefined
}): Promise<TlsPort> {
  const { most, enclave } = options
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    void serve(socket, enclave())
  })
  server.maxConnections = most
  return {
    url: `https://${await listenAt(server, options)}`,
    close: () =>
      new Promise(closed => {
        server.close(() => closed())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

async function serve(socket: Socket, enclave: Serving | undefined): Promise<void> {
  socket.on('error', () => {})
  const leave = enclave?.open.enter()
  let inside: Duplex | undefined
  try {
    inside = await enclave?.connect('tls')
    if (!inside) return
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    await Promise.all([pipeline(socket, inside), pipeline(inside, socket)])
  } catch {
    // Either side broke off, or the enclave has no such socket: the client sees its connection end.
  } finally {
    socket.destroy()
    inside?.destroy()
    leave?.()
  }
}
