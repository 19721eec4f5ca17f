import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { toJson } from '@nacre/verify/bundle'
import { encodeFrame, maxFrame } from '@nacre/verify/frame'
import { ChannelError, channelAnswer } from './errors.ts'
import { readArtifactHeader, readAttest, readJob } from './job.ts'
import { JOB_LIMITS, MAX_ARTIFACT, MAX_OPEN_CALLS, MAX_SMALL_BODY } from './limits.ts'
import type { Service } from './service.ts'

/** docs/protocol.md, "Channel to the enclave": HTTP/1.1 over a Unix socket. */
export type Route = { method: string; maxBody: number } & (
  | { answer(request: IncomingMessage, body: Buffer): unknown }
  /** Of a body that is read while it comes; its announced length is `size`. */
  | { stream(request: IncomingMessage, size: number): unknown }
)
export type ChannelRoutes = Map<string, Route>

const HEADERS_TIMEOUT_MS = 5000
const REQUEST_TIMEOUT_MS = 30_000
/** How often both are looked at: Node's own 30 s would make 5 s up to 35. */
const CHECK_INTERVAL_MS = 1000
const MAX_HEADER_BYTES = 4096
/** More than may be open calls, so that health still answers. */
const MAX_CONNECTIONS = 64

/** A server that is not listening yet. Errors that are not the caller's go to `onError`. */
export function createChannel(service: Service, onError: (error: unknown) => void): Server {
  return createChannelServer(routesOf(service), onError)
}

/** The same with calls of an image's own. */
export function createChannelServer(
  routes: ChannelRoutes,
  onError: (error: unknown) => void,
  requestTimeout: number = REQUEST_TIMEOUT_MS,
): Server {
  const open = { calls: 0 }
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: 60_000,
      noDelay: true,
    },
    (request, response) => void serve({ routes, open, onError }, request, response),
  )
  server.maxConnections = MAX_CONNECTIONS
  return server
}

type Answer = Extract<Route, { answer: unknown }>['answer']
type Stream = Extract<Route, { stream: unknown }>['stream']

export const get = (answer: Answer): Route => ({ method: 'GET', maxBody: 0, answer })
export const post = (maxBody: number, answer: Answer): Route => ({ method: 'POST', maxBody, answer })
export const streamed = (maxBody: number, stream: Stream): Route => ({ method: 'POST', maxBody, stream })

function routesOf(service: Service): ChannelRoutes {
  return new Map([
    ['/v1/health', get(() => ({ ok: true }))],
    ['/v1/identity', get(() => service.identity())],
    ['/v1/attest', post(MAX_SMALL_BODY, (_, body) => service.attest(readAttest(body).nonce))],
    [
      '/v1/artifacts',
      post(MAX_ARTIFACT, ({ headers }, body) =>
        service.loadArtifact(readArtifactHeader(headers['x-artifact']), body),
      ),
    ],
    ['/v1/infer', post(maxFrame(JOB_LIMITS), async (_, body) => frameOf(await service.infer(readJob(body))))],
  ])
}

type Channel = { routes: ChannelRoutes; open: { calls: number }; onError(error: unknown): void }

async function serve(
  { routes, open, onError }: Channel,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const route = routeOf(routes, request)
    send(response, 200, await counted(open, route, () => answer(route, request)))
  } catch (error) {
    const { status, body } = channelAnswer(error)
    if (status >= 500) onError(error)
    if (!request.complete) response.setHeader('connection', 'close')
    send(response, status, body)
  }
}

async function answer(route: Route, request: IncomingMessage): Promise<unknown> {
  const length = lengthOf(request, route.maxBody)
  if ('stream' in route) return await route.stream(request, length)
  return await route.answer(request, await readBody(request, length))
}

/** Calls with a body count while they are open, pipelined ones too; health and identity always answer. */
async function counted<T>(open: { calls: number }, route: Route, work: () => Promise<T>): Promise<T> {
  const weight = route.maxBody > 0 ? 1 : 0
  if (weight > 0 && open.calls >= MAX_OPEN_CALLS) {
    throw new ChannelError('busy', `${open.calls} calls are open, at most ${MAX_OPEN_CALLS}`)
  }
  open.calls += weight
  try {
    return await work()
  } finally {
    open.calls -= weight
  }
}

function routeOf(routes: Map<string, Route>, { method, url }: IncomingMessage): Route {
  const route = routes.get(url ?? '')
  if (!route) throw new ChannelError('unknown-route', 'no such call')
  if (route.method !== method) throw new ChannelError('method-not-allowed', `this call is a ${route.method}`)
  return route
}

/** As announced: it is checked before the first byte is kept. */
function lengthOf(request: IncomingMessage, max: number): number {
  const announced = request.headers['content-length']
  if (
    request.headers['transfer-encoding'] !== undefined ||
    (announced === undefined && request.method !== 'GET')
  ) {
    throw new ChannelError('length-required', 'the body has no content-length')
  }
  const length = Number(announced ?? 0)
  if (length > max) throw new ChannelError('body-too-large', `a body of ${length} bytes, at most ${max}`)
  return length
}

/** The whole body. */
async function readBody(request: IncomingMessage, length: number): Promise<Buffer> {
  const body = Buffer.allocUnsafeSlow(length)
  let at = 0
  for await (const chunk of request) at += (chunk as Buffer).copy(body, at)
  // The buffer is not cleared: nothing but the caller's own bytes may be read from it.
  return body.subarray(0, at)
}

function frameOf({ output, ...fields }: Awaited<ReturnType<Service['infer']>>): Uint8Array {
  return encodeFrame({ json: jsonOf(fields), bytes: output })
}

function jsonOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(toJson(value)))
}

/** Bytes as they are, anything else as JSON. */
function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return
  const [type, bytes] = body instanceof Uint8Array ? ['cbor', body] : ['json', jsonOf(body)]
  response
    .writeHead(status, { 'content-type': `application/${type}`, 'content-length': bytes.length })
    .end(bytes)
}
