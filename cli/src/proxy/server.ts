import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { PrivateClient } from '@nacre/sdk'
import { type Hex, NacreError } from '@nacre/verify'
import { type GuardOptions, reasonToRefuse } from './guard.ts'

export type ProxyOptions = {
  client: PrivateClient
  models: Record<string, Hex>
  guard: GuardOptions
  /** Told of each call when it has ended; never of its text. */
  onCall: (call: { method: string; path: string; status: number; code?: string; ms: number }) => void
}

/** Longest body of a request, bytes: every enclave's maxInput is below it. */
const MAX_BODY = 16 * 2 ** 20

/** A local endpoint of OpenAI's API: each call goes through the client, sealed and verified. */
export function createProxy(options: ProxyOptions): Server {
  return createServer((incoming, outgoing) => void serve(options, incoming, outgoing))
}

async function serve(
  options: ProxyOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const started = performance.now()
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  let code: string | undefined
  allowPage(options.guard, incoming, outgoing)
  try {
    await write(await answer(options, incoming, gone.signal), outgoing)
  } catch (error) {
    code = error instanceof NacreError ? error.code : 'internal_error'
    if (!gone.signal.aborted) sayError(outgoing, error)
    else code = 'client_gone'
  }
  const path = (incoming.url ?? '/').slice(0, 128)
  const call = { method: incoming.method ?? 'GET', path, status: outgoing.statusCode }
  options.onCall({
    ...call,
    ms: Math.round(performance.now() - started),
    ...(code !== undefined && { code }),
  })
}

async function answer(
  { client, models, guard }: ProxyOptions,
  incoming: IncomingMessage,
  signal: AbortSignal,
): Promise<Response> {
  const refused = reasonToRefuse(incoming, guard)
  if (refused !== undefined) return errorResponse(403, 'forbidden', refused)
  if (incoming.method === 'OPTIONS') return new Response(null, { status: 204 })
  const { pathname } = new URL(incoming.url ?? '/', 'http://localhost')
  if (incoming.method === 'GET' && pathname === '/v1/models') return Response.json(listOf(models))
  const target = new URL(pathname, client.baseURL)
  // What the client's own key is good for is not this gateway's: no header of it leaves this machine.
  if (incoming.method !== 'POST') return client.fetch(target, { method: 'GET', signal })
  const body = await bodyOf(incoming)
  if (body === undefined)
    return errorResponse(413, 'request_too_large', `The body is longer than ${MAX_BODY} bytes.`)
  return client.fetch(target, { method: 'POST', body, signal })
}

/** What a browser asks for before it lets a page see an answer. */
function allowPage({ origins }: GuardOptions, { headers }: IncomingMessage, outgoing: ServerResponse): void {
  const { origin } = headers
  if (origin === undefined || !origins.includes(origin)) return
  outgoing.setHeader('access-control-allow-origin', origin)
  outgoing.setHeader('vary', 'origin')
  outgoing.setHeader('access-control-allow-methods', 'GET, POST')
  outgoing.setHeader(
    'access-control-allow-headers',
    headers['access-control-request-headers'] ?? 'content-type',
  )
}

/** Undefined when it is too long. */
async function bodyOf(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_BODY) return undefined
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** As slow as its reader. */
async function write(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.statusCode = response.status
  outgoing.setHeaders(response.headers)
  outgoing.flushHeaders()
  for await (const piece of response.body ?? []) {
    if (outgoing.write(piece)) continue
    await new Promise<void>(resolve => {
      const done = () => {
        outgoing.off('drain', done)
        outgoing.off('close', done)
        resolve()
      }
      outgoing.on('drain', done).on('close', done)
    })
  }
  outgoing.end()
}

/** In a stream that has begun, as an event of its own, without the end that a client waits for. */
function sayError(outgoing: ServerResponse, error: unknown): void {
  const { status, body } = errorOf(error)
  if (!outgoing.headersSent) {
    const json = JSON.stringify(body)
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(json)
    return
  }
  const isStream = String(outgoing.getHeader('content-type')).startsWith('text/event-stream')
  if (!isStream) return void outgoing.destroy()
  outgoing.write(`data: ${JSON.stringify(body)}\n\n`)
  // Ended as it should be, a stream looks whole to who knows no errors in it; broken off at once, nobody reads why.
  const cut = setTimeout(() => outgoing.destroy(), TIME_TO_READ)
  outgoing.once('close', () => clearTimeout(cut))
}

/** Milliseconds. */
const TIME_TO_READ = 1000

/** Whose fault an error is: the caller's request, or what is behind this endpoint. */
const CALLERS = new Map([
  ['model-not-pinned', 404],
  ['not-private', 400],
])

function errorOf(error: unknown): { status: number; body: unknown } {
  if (!(error instanceof NacreError))
    return { status: 500, body: bodyOfError('internal_error', 'A bug in nacre.') }
  const status = CALLERS.get(error.code) ?? 502
  const type = status < 500 ? 'invalid_request_error' : 'server_error'
  const fix = error.fix === undefined ? '' : ` Fix: ${error.fix}`
  return { status, body: bodyOfError(error.code, `${error.message}${fix}`, type) }
}

function bodyOfError(code: string, message: string, type = 'server_error'): unknown {
  return { error: { message, type, param: null, code } }
}

function errorResponse(status: number, code: string, message: string): Response {
  return Response.json(bodyOfError(code, message, 'invalid_request_error'), { status })
}

/** The models that were pinned, and no other that a gateway names. */
function listOf(models: Record<string, Hex>): unknown {
  const data = Object.entries(models).map(([id, artifact]) => ({
    ...{ id, object: 'model', created: 0, owned_by: 'nacre', artifact },
  }))
  return { object: 'list', data }
}
