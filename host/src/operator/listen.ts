import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { portInUse } from '../processes/packages.ts'

type Fetch = (request: Request) => Response | Promise<Response>

export type Listening = { url: string; close(): Promise<void> }

/** Slow clients are cut off, and there is an end to how many there are. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 }
const MAX_CONNECTIONS = 256

/** Serves HTTP. Throws PORT_IN_USE. */
export async function listen(
  fetch: Fetch,
  { host, port }: { host: string; port: number },
): Promise<Listening> {
  const server = createAdaptorServer({ fetch, serverOptions: LIMITS }) as Server
  server.maxConnections = MAX_CONNECTIONS
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
