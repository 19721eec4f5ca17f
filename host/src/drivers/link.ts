import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import { messageOf } from '@nacre/verify'
import type { SoftwareModule } from '../nsm/module.ts'
import { serveModule } from '../nsm/server.ts'
import { readLines } from './console.ts'
import type { EnclaveService } from './driver.ts'
import { DriverError } from './errors.ts'

/** The host's end of a guest's link. */
export type Link = {
  /** A connection to the channel of the program, or to another service of it. @throws DriverError guest-unreachable */
  connect(service?: EnclaveService): Promise<Duplex>
  /** Settles when the link is gone. */
  ended: Promise<void>
  /** Ends the link, and with it the guest. */
  close(): void
}

export type LinkOptions = {
  /** What enclave/src/config.ts reads, without sockets. */
  startOptions: unknown
  /** The software security module, for a guest that has none of its own. */
  securityModule?: SoftwareModule
  /** What the program says, a line at a time. */
  onLine: (line: string) => void
}

const WINDOW = 2 ** 18
/** Megabytes: no bound. Node counts what is on its way, an artifact of 32 among it, and never takes off what was reset. */
const SESSION_MEMORY = 1_000_000
/** A guest that does not answer a request for a connection in this time has none. */
const CONNECT_MS = 10_000

/**
 * Starts the program of a guest over the byte stream to it (docs/protocol.md, Link to a guest). What comes from the guest
 * is bounded and believed in nothing. Returns at once: the program says on its lines when it is ready.
 */
export function openLink(stream: Duplex, { startOptions, securityModule, onLine }: LinkOptions): Link {
  const session = connectHttp2('http://guest', {
    createConnection: () => stream,
    maxSessionMemory: SESSION_MEMORY,
    settings: { enablePush: false, initialWindowSize: WINDOW, maxHeaderListSize: 4096 },
  })
  const ended = Promise.withResolvers<void>()
  session.on('error', error => {
    onLine(`link: ${messageOf(error)}`)
    session.destroy()
  })
  session.on('close', ended.resolve)
  const end = () => session.destroy()
  stream.on('close', end)
  // Whoever says farewell answers nothing any more, and might stay for ever.
  session.on('goaway', end)
  if (securityModule) serveModule(securityModule, tunnel(session, 'security-module'))
  const started = request(session, { ':method': 'POST', ':path': '/v1/start' })
  started.end(JSON.stringify(startOptions))
  readLines(started, onLine)
  // With the program: a guest without one has no use, and may not switch itself off.
  started.on('end', end).on('close', end)
  started.on('error', error => onLine(`link: ${messageOf(error)}`))
  started.on('response', ({ ':status': status }) => {
    if (status === 200) return
    onLine(`link: the guest refused its start with status ${status}`)
    session.destroy()
  })
  return { connect: (service = 'channel') => connect(session, service), ended: ended.promise, close: end }
}

function tunnel(session: ClientHttp2Session, authority: string): ClientHttp2Stream {
  return request(session, { ':method': 'CONNECT', ':authority': authority })
}

function request(session: ClientHttp2Session, headers: OutgoingHttpHeaders): ClientHttp2Stream {
  const stream = session.request(headers, { endStream: false })
  // Reset while something is on its way to the guest: Node waits for it to leave, which it never does.
  return stream.on('aborted', () => stream.destroy())
}

async function connect(session: ClientHttp2Session, service: EnclaveService): Promise<Duplex> {
  let stream: ClientHttp2Stream | undefined
  try {
    stream = tunnel(session, service)
    const status = await statusOf(stream)
    if (status !== 200) throw new Error(`status ${status}`)
    return stream
  } catch (cause) {
    stream?.destroy()
    throw unreachable(messageOf(cause), cause)
  }
}

function statusOf(stream: ClientHttp2Stream): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const late = setTimeout(() => reject(new Error(`no answer in ${CONNECT_MS} ms`)), CONNECT_MS)
  stream.once('response', headers => resolve(headers[':status']))
  // It stays: what fails later is told by the stream's end.
  stream.on('error', reject)
  stream.once('close', () => reject(new Error('it was closed')))
  return promise.finally(() => clearTimeout(late))
}

function unreachable(reason: string, cause?: unknown): DriverError {
  return new DriverError('guest-unreachable', `the guest takes no connection: ${reason}`, cause)
}
