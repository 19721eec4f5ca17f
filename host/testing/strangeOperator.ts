import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressOf, type Hex, type Identity, sha256, toHex, userData, utf8 } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import { encodeProof, type Proof } from '@nacre/verify/inference'
import { authority, createBundle, evidenceOptions } from '../../test/mock-authority/index.ts'
import { secp256k1PublicKey } from '../../verify/test/p256.ts'

export const MODEL_ARTIFACT: Hex = sha256(utf8('a language model'))

/** What a request brought. */
export type Asked = { path: string; headers: IncomingMessage['headers']; body: Buffer }

/** An operator with an attested enclave of its own, which says and does what a test wants: an adversary of gateways. */
export type StrangeOperator = {
  url: string
  receiptKey: Hex
  /** Calls with a body, in their order. */
  asked: Asked[]
  /** What it answers calls with a body by, from now on. */
  behave(answer: Answer): void
  /** From now on it does not serve: 503 to all, nothing at all, or nothing when it is asked for an attestation. */
  fail(how: Failure | undefined): void
  close(): Promise<void>
}

type Failure = 'unready' | 'silent' | 'unattested'

export type Answer = (asked: Asked, response: ServerResponse) => void

let started = 0

/** `receiptKey` is that of somebody else's enclave, which it names as its own. */
export async function startStrangeOperator(
  models: string[] = ['small'],
  receiptKey: Hex = newReceiptKey(),
): Promise<StrangeOperator> {
  const bundle = createBundle()
  const identity: Identity = { ...bundle.identity, receiptKey }
  const asked: Asked[] = []
  let answer: Answer = (_, response) => sayHello(response)
  let failing: Failure | undefined

  function report(nonce: Hex): object {
    const timestamp = BigInt(Math.floor(Date.now() / 1000)) - 1n
    const bytes = authority.issue({ ...evidenceOptions, timestamp, userData: userData(identity), nonce })
    return {
      ...{ model: models[0], artifact: MODEL_ARTIFACT, engine: 'a strange one' },
      models: models.map(id => ({ id, artifact: MODEL_ARTIFACT })),
      ...(toJson({ identity, config: bundle.config, release: bundle.release }) as object),
      evidence: { kind: 'simulated', bytes: toHex(bytes) },
      ...{ evidenceNonce: nonce, signing_address: receiptKey, signing_algo: 'ecdsa' },
    }
  }

  function get(url: URL): object | undefined {
    if (url.pathname === '/health') return { ok: true, receiptKey }
    if (url.pathname === '/v1/models')
      return { object: 'list', data: models.map(id => ({ id, object: 'model', artifact: MODEL_ARTIFACT })) }
    if (url.pathname === '/v1/attestation/report') return report(url.searchParams.get('nonce') as Hex)
    return url.pathname.startsWith('/v1/receipts/') ? { told: receiptKey } : undefined
  }

  const server = createServer(async (request, response) => {
    if (failing === 'silent') return
    if (failing === 'unready') return void response.writeHead(503).end()
    const path = request.url ?? '/'
    if (failing === 'unattested' && path.startsWith('/v1/attestation')) return
    if (request.method === 'GET') return sayJson(response, 200, get(new URL(path, 'http://x')))
    const body = Buffer.concat(await request.toArray().catch(() => []))
    const one = { path, headers: request.headers, body }
    asked.push(one)
    answer(one, response)
  })
  server.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    receiptKey,
    asked,
    behave: next => {
      answer = next
    },
    fail: how => {
      failing = how
    },
    close: async () => {
      server.closeAllConnections()
      if (server.listening) await new Promise(closed => server.close(closed))
    },
  }
}

function newReceiptKey(): Hex {
  return addressOf(secp256k1PublicKey(Buffer.from(sha256(utf8(`operator ${started++}`)).slice(2), 'hex')))
}

/** A proof of so many units, signed by nobody who matters. */
export function proofOf(units: bigint): Proof {
  const { origin, parameters, receipt, signature, usage } = createBundle({ settings: {} })
  return { origin, parameters, receipt, signature, usage: { ...usage, units } }
}

/** A whole answer, with a receipt of twelve units. */
export function sayHello(response: ServerResponse, text = 'hello'): void {
  const body = JSON.stringify({ choices: [{ message: { content: text } }] })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  response
    .writeHead(200, {
      ...headers,
      'x-nacre-receipt': encodeProof(proofOf(12n)),
      'x-secret': 'of the operator',
    })
    .end(body)
}

export function sayJson(response: ServerResponse, status: number, value: unknown): void {
  if (value === undefined) return void response.writeHead(404).end()
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
