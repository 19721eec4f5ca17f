import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CborValue, decodeCbor, encodeCbor } from '@nacre/verify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nsmProvider } from './nsm.ts'

/** What answers here is a security module that misbehaves: what it says byte for byte is each test's. */
let dir: string
let server: Server
let reply: (socket: Socket, request: Buffer) => void
const sockets = new Set<Socket>()

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {}).once('data', request => reply(socket, request))
  }).listen(join(dir, 'nsm'))
  await once(server, 'listening')
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  server.close()
  await rm(dir, { recursive: true, force: true })
})

const userData = new Uint8Array(32).fill(1)
const attest = (timeoutMs = 30_000) =>
  nsmProvider(join(dir, 'nsm'), timeoutMs)(userData, new Uint8Array(8).fill(2))

function frame(content: Uint8Array): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(content.length)
  return Buffer.concat([header, content])
}

const documented = (document: CborValue) => new Map([['Attestation', new Map([['document', document]])]])

test('the request is the one of docs/protocol.md, and the answer may come byte for byte', async () => {
  const document = new Uint8Array(300).fill(9)
  let asked: CborValue = null
  reply = (socket, request) => {
    asked = decodeCbor(new Uint8Array(request.subarray(4)))
    for (const byte of frame(encodeCbor(documented(document)))) socket.write(Buffer.of(byte))
  }
  expect(await attest()).toEqual(document)
  const fields = { user_data: userData, nonce: new Uint8Array(8).fill(2), public_key: null }
  expect(asked).toEqual(new Map([['Attestation', new Map<string, CborValue>(Object.entries(fields))]]))
})

const wrong: [string, Buffer, RegExp][] = [
  ['an error of its own', frame(encodeCbor(new Map([['Error', 'InternalError']]))), /InternalError/],
  ['an error that is no text', frame(encodeCbor(new Map([['Error', 1]]))), /not an attestation/],
  ['another operation', frame(encodeCbor(new Map([['DescribeNSM', new Map()]]))), /not an attestation/],
  ['a document that is text', frame(encodeCbor(documented('text'))), /not an attestation/],
  ['a text', frame(encodeCbor('Attestation')), /not an attestation/],
  ['no CBOR', frame(Uint8Array.of(0xff)), /not CBOR/],
  ['a value and more', frame(Uint8Array.of(0xf6, 0xf6)), /not CBOR/],
  ['nothing', Buffer.alloc(4), /0 bytes/],
  ['a length over the bound', Buffer.of(0, 0, 0x30, 1), /12289 bytes/],
  ['the longest length', Buffer.alloc(4, 0xff), /4294967295 bytes/],
  ['a byte too many', Buffer.concat([frame(encodeCbor(null)), Buffer.of(0)]), /bytes after/],
]
test.each(wrong)('%s is refused', async (_, bytes, message) => {
  reply = socket => socket.write(bytes)
  await expect(attest()).rejects.toMatchObject({
    code: 'security-module',
    message: expect.stringMatching(message),
  })
})

test('half an answer and then nothing, or the end, or no module at all', async () => {
  reply = socket => socket.write(Buffer.of(0, 0, 1))
  await expect(attest(500)).rejects.toMatchObject({ message: expect.stringContaining('does not answer') })
  reply = socket => socket.end(Buffer.of(0, 0, 0, 9, 1))
  await expect(attest()).rejects.toMatchObject({ message: expect.stringContaining('closed') })
  await expect(nsmProvider(join(dir, 'nobody'))(userData, userData)).rejects.toMatchObject({
    code: 'security-module',
  })
})

test('a request that is over the bound is not sent', async () => {
  const long = nsmProvider(join(dir, 'nsm'))(userData, new Uint8Array(5000))
  await expect(long).rejects.toMatchObject({ code: 'security-module' })
})
