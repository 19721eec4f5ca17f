import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { portInUse } from '../processes/packages.ts'

type Fetch = (request: Request, env: HttpBindings) => Response | Promise<Response>

export type Listening = { url: string; close(): Promise<void> }

/** Slow clients are cut off, and there is an end to how many there are. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 }
const MAX_CONNECTIONS = 256

/** Serves HTTP, to at most so many connections at a time. Throws PORT_IN_USE. */
export async function listen(
  fetch: Fetch,
  { host, port, most = MAX_CONNECTIONS }: { host: string; port: number; most?: number },
): Promise<Listening> {
  const server = createAdaptorServer({
    fetch: (request, env) => fetch(request, env as HttpBindings),
    serverOptions: LIMITS,
  }) as Server
  server.maxConnections = most
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', cause =>
    reject((cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? portInUse(port, cause) : cause),
  )
  server.listen(port, host, resolve)
  await promise
  const { port: chosen } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`,
    close: () =>
      new Promise(closed => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
