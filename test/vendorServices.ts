import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fromUtf8, toHex } from '@nacre/verify'
import { parsePem } from '@nacre/verify/attest/certificate'
import { parseQuote } from '@nacre/verify/attest/quote'
import type { SnpReport } from '@nacre/verify/attest/snpReport'
import { pemOf } from './mock-authority/index.ts'

/** What a service answers to a path with its query. */
export type Reply = { body: Uint8Array | string; headers?: Record<string, string> }
export type Replies = Record<string, Reply>

/** A stand-in of Intel's and AMD's services, on one port of this machine. */
export type VendorServices = {
  url: string
  /** Paths that were asked for, in order. */
  asked: string[]
  /** What is answered instead, by the beginning of a path; it may answer late, never, or nonsense. */
  broken: Map<string, RequestListener>
  close(): Promise<void>
}

export async function startVendorServices(replies: Replies): Promise<VendorServices> {
  const asked: string[] = []
  const broken = new Map<string, RequestListener>()
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const [, other] = [...broken].find(([start]) => path.startsWith(start)) ?? []
    if (other) other(request, response)
    else send(response, replies[path])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    broken,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function send(response: ServerResponse, reply: Reply | undefined): void {
  if (reply) response.writeHead(200, { ...reply.headers, 'Request-ID': 'mock' }).end(reply.body)
  else response.writeHead(404, { 'Request-ID': 'mock' }).end()
}

/** The paths and headers of Intel's provisioning certification service, and of where the root's list lies. */
export function intelReplies(
  tee: 'tdx' | 'sgx',
  { quote, files }: { quote: Uint8Array; files: ReadonlyMap<string, Uint8Array> },
  fmspc = '00906ed50000',
): Replies {
  const file = (name: string): Uint8Array => files.get(name) as Uint8Array
  const escaped = (pem: Uint8Array): string => encodeURIComponent(fromUtf8(pem))
  const { pckChain } = parseQuote(quote)
  const issuers = parsePem(fromUtf8(pckChain.subarray(0, -1))).slice(1)
  const signers = escaped(file('tcb_signing_chain.pem'))
  return {
    [`/${tee}/certification/v4/tcb?fmspc=${fmspc}`]: {
      body: file('tcb_info.json'),
      headers: { 'TCB-Info-Issuer-Chain': signers },
    },
    [`/${tee}/certification/v4/qe/identity`]: {
      body: file('qe_identity.json'),
      headers: { 'SGX-Enclave-Identity-Issuer-Chain': signers },
    },
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=der': {
      body: file('pck.crl'),
      headers: { 'SGX-PCK-CRL-Issuer-Chain': escaped(pemOf(issuers)) },
    },
    '/IntelSGXRootCA.der': { body: file('root_ca.crl') },
  }
}

/** The paths of AMD's key distribution service; `query` are the levels of the report's TCB. */
export function amdReplies(
  { chipId, signingKey }: Pick<SnpReport, 'chipId' | 'signingKey'>,
  line: string,
  query: string,
  files: ReadonlyMap<string, Uint8Array>,
): Replies {
  const file = (name: string): Uint8Array => files.get(name) as Uint8Array
  const id = toHex(line === 'Turin' ? chipId.subarray(0, 8) : chipId).slice(2)
  return {
    [`/vcek/v1/${line}/${id}?${query}`]: { body: file('vek.der') },
    [`/${signingKey}/v1/${line}/cert_chain`]: { body: pemOf([file('ask.der'), file('ark.der')]) },
    [`/${signingKey}/v1/${line}/crl`]: { body: file('crl') },
  }
}
