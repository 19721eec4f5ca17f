import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Handler } from './api.ts'
import type { TlsKey } from './certificate.ts'
import { HEADERS_TIMEOUT_MS, MAX_CONNECTIONS, MAX_HEADER_BYTES, REQUEST_TIMEOUT_MS } from './limits.ts'

/** How often timeouts are looked at: Node's own 30 s would make of 10 up to 40. */
const CHECK_INTERVAL_MS = 1000
const HANDSHAKE_TIMEOUT_MS = 10_000

const OPTIONS: ServerOptions = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: CHECK_INTERVAL_MS,
  keepAliveTimeout: 60_000,
  noDelay: true,
}

/** The API in the clear; not listening yet. */
export function createPlainServer(handler: Handler): Server {
  return bounded(createServer(OPTIONS, handler))
}

/** The API behind TLS 1.3 that ends here, with this key alone. */
export function createSecureServer(handler: Handler, { privateKey }: TlsKey, certificate: string): Server {
  const server = createTlsServer(
    {
      ...OPTIONS,
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: certificate,
      minVersion: 'TLSv1.3',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ALPNProtocols: ['http/1.1'],
    },
    handler,
  )
  // What is no TLS, or none of this version, ends: there is nobody to tell.
  server.on('tlsClientError', (_, socket) => socket.destroy())
  return bounded(server)
}

function bounded<S extends Server>(server: S): S {
  server.maxConnections = MAX_CONNECTIONS
  return server
}
