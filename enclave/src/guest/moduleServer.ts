import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MAX_MODULE_REQUEST, MAX_MODULE_RESPONSE } from '../attest/limits.ts'
import { frameOf, framesOf } from './frames.ts'

/** One request to a security module, and its answer; both CBOR that is passed on as it is. */
export type ModuleCall = (request: Uint8Array) => Promise<Uint8Array> | Uint8Array

const MAX_CONNECTIONS = 64
/** Requests that wait for one that a module does not answer: those beyond are refused, not kept. */
const MAX_WAITING = 64

/** Serves a security module on a Unix socket, one request at a time: what the program asks its evidence of. */
export function serveModule(socketPath: string, call: ModuleCall): Server {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  const inTurn: ModuleCall = request => {
    if (waiting >= MAX_WAITING) throw new Error(`${waiting} requests wait for the security module`)
    waiting++
    const answer = last.then(() => call(request)).finally(() => waiting--)
    last = answer.catch(() => {})
    return answer
  }
  const server = createServer(socket => {
    answerAll(socket, inTurn).catch(() => socket.destroy())
  })
  server.maxConnections = MAX_CONNECTIONS
  return server.listen(socketPath)
}

async function answerAll(socket: Socket, call: ModuleCall): Promise<void> {
  socket.on('error', () => socket.destroy())
  for await (const request of framesOf(socket, MAX_MODULE_REQUEST)) socket.write(frameOf(await call(request)))
}

/** The module at the other end of a stream: the host's software one. Who calls waits for the answer before it calls again. */
export function moduleAt(stream: Duplex): ModuleCall {
  const answers = framesOf(stream, MAX_MODULE_RESPONSE)
  return async request => {
    stream.write(frameOf(request))
    const { value, done } = await answers.next()
    if (done) throw new Error('the security module is gone')
    return value
  }
}
