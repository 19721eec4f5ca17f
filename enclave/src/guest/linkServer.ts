import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MAX_START } from './paths.ts'

/** What the host can ask of a guest over the link. */
export type LinkHandlers = {
  /** Starts the program with these options, JSON; what it says comes back. Called once at most. */
  start(options: string): Readable
  /** A connection to one of the program's sockets; rejects as long as it is not there. */
  connect(service: LinkService): Promise<Duplex>
  /** The host's software security module. Called once at most, before `start`. */
  securityModule(module: Duplex): void
}

/** What of the program the host may be connected with: its channel, and where an image has it its API (docs/inference.md). */
export const LINK_SERVICES = ['channel', 'api', 'tls'] as const
export type LinkService = (typeof LINK_SERVICES)[number]

/** As many as the channel and the API take, and the link's own. */
const MAX_STREAMS = 584
/** So that what a host sends on all of them, to whoever does not read, is not more than a machine has. */
const WINDOW = 2 ** 18
/**
 * Megabytes, so many that it bounds nothing: Node never takes off its count what was on its way over a stream that is
 * reset, and would take no stream any more after some hundred. Streams and their windows are what is bounded.
 */
const SESSION_MEMORY = 1_000_000
const STATUS = { ok: 200, notFound: 404, conflict: 409, tooLarge: 413, unavailable: 503 } as const

/**
 * Serves the guest's side of the link (docs/protocol.md, Link to a guest): HTTP/2 over one byte stream. Whatever the
 * host sends that is not one of three requests is refused; when it breaks the protocol, the link ends. Settles then.
 */
export async function serveLink(link: Duplex, handlers: LinkHandlers): Promise<void> {
  const session = performServerHandshake(link, {
    settings: { maxConcurrentStreams: MAX_STREAMS, initialWindowSize: WINDOW, maxHeaderListSize: 4096 },
    maxHeaderListPairs: 16,
    maxSessionMemory: SESSION_MEMORY,
  })
  const once = { start: false, securityModule: false }
  session.on('stream', (stream, headers) => {
    stream.on('error', () => stream.destroy())
    // Reset while an answer is on its way: Node waits for it to leave, which it never does.
    stream.on('aborted', () => stream.destroy())
    answer(stream, headers, { handlers, once }).catch(() => stream.destroy())
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  session.on('error', () => session.destroy())
  session.on('close', resolve)
  link.on('error', () => session.destroy())
  link.on('close', resolve)
  link.on('end', resolve)
  await promise
}

type State = { handlers: LinkHandlers; once: { start: boolean; securityModule: boolean } }

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { handlers, once }: State,
): Promise<void> {
  const name = nameOf(headers)
  if (name === undefined) return refuse(stream, STATUS.notFound)
  if (isService(name)) return await tunnel(stream, await handlers.connect(name).catch(() => undefined))
  if (once[name] || once.start) return refuse(stream, STATUS.conflict)
  once[name] = true
  if (name === 'securityModule') {
    stream.respond({ ':status': STATUS.ok })
    return handlers.securityModule(stream)
  }
  const options = await readOptions(stream)
  if (options === undefined) return refuse(stream, STATUS.tooLarge)
  stream.respond({ ':status': STATUS.ok })
  await pipeline(handlers.start(options), stream)
}

async function tunnel(stream: ServerHttp2Stream, connection: Duplex | undefined): Promise<void> {
  if (stream.destroyed) return void connection?.destroy()
  if (!connection) return refuse(stream, STATUS.unavailable)
  stream.respond({ ':status': STATUS.ok })
  await pipeline(stream, connection, stream)
}

function nameOf(headers: IncomingHttpHeaders): LinkService | 'securityModule' | 'start' | undefined {
  const { ':method': method, ':authority': authority, ':path': path } = headers
  if (method === 'CONNECT' && isService(authority)) return authority
  if (method === 'CONNECT' && authority === 'security-module') return 'securityModule'
  if (method === 'POST' && path === '/v1/start') return 'start'
  return undefined
}

function isService(name: string | undefined): name is LinkService {
  return LINK_SERVICES.some(known => known === name)
}

async function readOptions(stream: ServerHttp2Stream): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_START) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': status }, { endStream: true })
  stream.close(constants.NGHTTP2_NO_ERROR)
}
