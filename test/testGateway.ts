import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { DEFAULT_POLICY, releaseId as idOf, manifestHash, type Policy, toHex } from '@nacre/verify'
import type { LanguageEnclave } from '../enclave/test/languageEnclave.ts'

/** What a call is answered with, beside what the enclave says; nothing for what is passed on as it is. */
export type Hostile = (call: Call) => Promise<boolean>

export type Call = {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
  outgoing: ServerResponse
  /** Sends it to an enclave, and gives the whole answer. */
  ask: (
    enclave: LanguageEnclave,
    body?: Buffer,
  ) => Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>
}

/**
 * A gateway over HTTP before real enclaves: it adds the release to reports, as operators do, has those of all in one
 * answer, and routes by `x-nacre-enclave`. `hostile` comes first and says whether it has answered.
 */
export async function startTestGateway(
  enclaves: LanguageEnclave[],
): Promise<{ url: string; hostile: (what: Hostile) => void; close: () => Promise<void> }> {
  let hostile: Hostile = async () => false
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy())
  })

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray())
    const { method = 'GET', url: path = '/', headers } = incoming
    const ask: Call['ask'] = async (enclave, other = body) => {
      const response = await send(enclave, { method, path, headers, body: other })
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(await response.toArray()),
      }
    }
    if (await hostile({ method, path, headers, body, outgoing, ask })) return
    if (path.startsWith('/v1/attestation/report')) {
      const reports = enclaves.map(async enclave => ({
        ...JSON.parse((await ask(enclave)).body.toString()),
        release: enclave.release,
      }))
      const attestations = await Promise.all(reports)
      outgoing.setHeader('content-type', 'application/json')
      outgoing.end(JSON.stringify({ ...attestations[0], attestations }))
      return
    }
    const keys = await Promise.all(
      enclaves.map(async one => (await one.client.identity()).identity.receiptKey),
    )
    const enclave = enclaves[keys.indexOf(headers['x-nacre-enclave'] as never)] ?? enclaves[0]
    const response = await send(enclave as LanguageEnclave, { method, path, headers, body })
    outgoing.writeHead(response.statusCode ?? 502, response.headers)
    await pipeline(response, outgoing)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hostile(what) {
      hostile = what
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** Accepts the SIMULATED evidence of these enclaves. */
export function policyFor(enclaves: LanguageEnclave[]): Policy {
  return {
    ...DEFAULT_POLICY,
    assurance: ['simulated'],
    releases: enclaves.map(({ release }) => idOf(release.publisher, manifestHash(release.manifest))),
    developmentRoots: enclaves.map(({ root }) => toHex(root)),
  }
}

async function send(
  enclave: LanguageEnclave,
  { method, path, headers, body }: Pick<Call, 'method' | 'path' | 'headers' | 'body'>,
): Promise<IncomingMessage> {
  const { host: _, connection: __, 'transfer-encoding': ___, ...rest } = headers
  const own = { ...rest, ...(method === 'POST' && { 'content-length': body.length }) }
  const call = request(new URL(path, enclave.url), { method, headers: own, agent: false }).end(body)
  const [response] = await once(call, 'response')
  return response
}
