import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { toJson } from '@nacre/verify/bundle'
import { ChannelError, channelAnswer } from './errors.ts'
import { readArtifactHeader, readAttest, readJob } from './job.ts'
import { MAX_BODY, MAX_SMALL_BODY } from './limits.ts'
import type { Service } from './service.ts'

/** docs/protocol.md, "Channel to the enclave": HTTP/1.1 over a Unix socket. */
type Route = { method: string; maxBody: number; answer(request: IncomingMessage, body: Buffer): unknown }

const HEADERS_TIMEOUT_MS = 5000
const REQUEST_TIMEOUT_MS = 30_000
const MAX_HEADER_BYTES = 4096
const MAX_CONNECTIONS = 32

/** A server that is not listening yet. Errors that are not the caller's go to `onError`. */
export function createChannel(service: Service, onError: (error: unknown) => void): Server {
  const routes = routesOf(service)
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: 60_000,
      noDelay: true,
    },
    (request, response) => void serve(routes, request, response, onError),
  )
  server.maxConnections = MAX_CONNECTIONS
  return server
}

function routesOf(service: Service): Map<string, Route> {
  const get = (answer: Route['answer']): Route => ({ method: 'GET', maxBody: 0, answer })
  const post = (maxBody: number, answer: Route['answer']): Route => ({ method: 'POST', maxBody, answer })
  return new Map([
    ['/v1/health', get(() => ({ ok: true }))],
    ['/v1/identity', get(() => service.identity())],
    ['/v1/attest', post(MAX_SMALL_BODY, (_, body) => service.attest(readAttest(parse(body)).nonce))],
    [
      '/v1/artifacts',
      post(MAX_BODY, ({ headers }, body) =>
        service.loadArtifact(readArtifactHeader(headers['x-artifact']), body),
      ),
    ],
    ['/v1/infer', post(MAX_BODY, (_, body) => service.infer(readJob(parse(body))))],
  ])
}

async function serve(
  routes: Map<string, Route>,
  request: IncomingMessage,
  response: ServerResponse,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    const route = routeOf(routes, request)
    const body = await readBody(request, route.maxBody)
    send(response, 200, await route.answer(request, body))
  } catch (error) {
    const { status, body } = channelAnswer(error)
    if (status >= 500) onError(error)
    if (!request.complete) response.setHeader('connection', 'close')
    send(response, status, body)
  }
}

function routeOf(routes: Map<string, Route>, { method, url }: IncomingMessage): Route {
  const route = routes.get(url ?? '')
  if (!route) throw new ChannelError('unknown-route', 'no such call')
  if (route.method !== method) throw new ChannelError('method-not-allowed', `this call is a ${route.method}`)
  return route
}

/** The whole body; its announced length is checked before the first byte is kept. */
async function readBody(request: IncomingMessage, max: number): Promise<Buffer> {
  const announced = request.headers['content-length']
  if (
    request.headers['transfer-encoding'] !== undefined ||
    (announced === undefined && request.method !== 'GET')
  ) {
    throw new ChannelError('length-required', 'the body has no content-length')
  }
  const length = Number(announced ?? 0)
  if (length > max) throw new ChannelError('body-too-large', `a body of ${length} bytes, at most ${max}`)
  const body = Buffer.allocUnsafeSlow(length)
  let at = 0
  for await (const chunk of request) at += (chunk as Buffer).copy(body, at)
  return body
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new ChannelError('malformed-json', 'the body is not JSON', cause)
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return
  const bytes = Buffer.from(JSON.stringify(toJson(body)))
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
    .end(bytes)
}
