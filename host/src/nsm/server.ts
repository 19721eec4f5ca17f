import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '@nacre/verify'
import { createModule, type ModuleOptions, type SoftwareModule } from './module.ts'

/** Frames `u32be length | CBOR` (docs/protocol.md, Security module). */
export const MAX_REQUEST = 4096
export const MAX_RESPONSE = 12_288
const MAX_CONNECTIONS = 32
const IDLE_TIMEOUT_MS = 30_000
/** Answers that a connection has not read, bytes: whoever only asks is cut off. */
const MAX_UNREAD = 16 * MAX_RESPONSE

export type NsmOptions = ModuleOptions & { socket: string }

/**
 * Serves a software security module on a Unix socket, in this process: the root's key never enters the enclave's.
 * A request that is too large or no CBOR ends its connection.
 */
export async function serveNsm(options: NsmOptions): Promise<{ close(): Promise<void> }> {
  const module = createModule(options)
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy())
    serveModule(module, socket)
  })
  server.maxConnections = MAX_CONNECTIONS
  server.listen(options.socket)
  await once(server, 'listening')
  return {
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Answers what comes over one stream: a connection, or a tunnel out of a virtual machine. */
export function serveModule(module: SoftwareModule, socket: Duplex): void {
  let received = Buffer.alloc(0)
  socket.on('error', () => socket.destroy())
  socket.on('data', chunk => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 4) {
      const length = received.readUInt32BE(0)
      if (length > MAX_REQUEST) return socket.destroy()
      if (received.length < 4 + length) return
      const answer = answerTo(module, received.subarray(4, 4 + length))
      received = received.subarray(4 + length)
      socket.write(frame(encodeCbor(answer)))
      if (socket.writableLength > MAX_UNREAD) return socket.destroy()
    }
  })
}

/** AWS NSM's answer to one request. What is not understood is `InvalidOperation` or `InvalidArgument`. */
export function answerTo(module: SoftwareModule, bytes: Uint8Array): CborValue {
  let request: CborValue
  try {
    request = decodeCbor(bytes, { maxBytes: MAX_REQUEST })
  } catch {
    return error('InvalidArgument')
  }
  if (request === 'DescribeNSM') return describe(module)
  if (request === 'GetRandom')
    return new Map([['GetRandom', new Map([['random', new Uint8Array(randomBytes(256))]])]])
  const [name, body] = request instanceof Map && request.size === 1 ? [...request][0]! : []
  if (name !== 'Attestation') return error('InvalidOperation')
  return body instanceof Map ? attest(module, body) : error('InvalidArgument')
}

function attest(module: SoftwareModule, body: CborMap): CborValue {
  const known = [...body.keys()].every(key => ['user_data', 'nonce', 'public_key'].includes(String(key)))
  const userData = body.get('user_data')
  const nonce = body.get('nonce')
  if (!known || (body.get('public_key') ?? null) !== null) return error('InvalidArgument')
  if (!(userData instanceof Uint8Array) || userData.length !== 32) return error('InvalidArgument')
  if (!(nonce instanceof Uint8Array) || nonce.length < 1 || nonce.length > 64) return error('InvalidArgument')
  const document = module.attest(userData, nonce)
  return new Map([['Attestation', new Map([['document', document]])]])
}

function describe({ moduleId, pcrs }: SoftwareModule): CborValue {
  const facts = new Map<string, CborValue>([
    ['version_major', 1],
    ['version_minor', 0],
    ['version_patch', 0],
    ['module_id', moduleId],
    ['max_pcrs', pcrs.length],
    ['locked_pcrs', pcrs.map((_, index) => index)],
    ['digest', 'SHA384'],
  ])
  return new Map([['DescribeNSM', facts]])
}

function error(name: string): CborValue {
  return new Map([['Error', name]])
}

function frame(content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(content.length)
  return Buffer.concat([header, content])
}
