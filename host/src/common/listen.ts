import type { Server } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { portInUse } from '../processes/packages.ts'

type Fetch = (request: Request, env: HttpBindings) => Response | Promise<Response>

export type Listening = { url: string; close(): Promise<void> }

/** Slow clients are cut off, and there is an end to how many there are. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 }
const MAX_CONNECTIONS = 256
/** Whoever takes nothing of a whole answer for so long is gone, and would keep its connection for ever. */
const STALL_MS = 60_000

/** Serves HTTP, to at most so many connections at a time. Throws PORT_IN_USE. */
export async function listen(
  fetch: Fetch,
  options: { host: string; port: number; most?: number; stallMs?: number },
): Promise<Listening> {
  const { most = MAX_CONNECTIONS, stallMs = STALL_MS } = options
  const server = createAdaptorServer({
    fetch: (request, env) => fetch(request, env as HttpBindings),
    serverOptions: LIMITS,
  }) as Server
  server.maxConnections = most
  // Before it is answered. Node takes the time off again when the answer was taken: the next one may be silent for long.
  server.prependListener('request', ({ socket }, response) =>
    response.once('prefinish', () => socket.setTimeout(stallMs)),
  )
  return {
    url: `http://${await listenAt(server, options)}`,
    close: () =>
      new Promise(closed => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

/** Listens, and says where: `host:port`, as in a URL. Throws PORT_IN_USE. */
export async function listenAt(
  server: NetServer,
  { host, port }: { host: string; port: number },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', cause =>
    reject((cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? portInUse(port, cause) : cause),
  )
  server.listen(port, host, resolve)
  await promise
  const { port: chosen } = server.address() as AddressInfo
  return `${host.includes(':') ? `[${host}]` : host}:${chosen}`
}
