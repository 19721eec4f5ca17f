import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConsole, readLines } from '@nacre/host/drivers/console'
import { createEnclaveClient, type EnclaveClient } from '@nacre/host/enclaveClient'
import { createModule } from '@nacre/host/nsm/module'
import { createRoot, type SimulatedRoot } from '@nacre/host/nsm/root'
import { answerTo } from '@nacre/host/nsm/server'
import { type EnclaveConfig, encodeCbor, ZERO_ADDRESS, ZERO_HASH } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import type { Machine } from './boot.ts'

export const CONFIG: EnclaveConfig = {
  version: 1,
  chainId: 31_337n,
  registry: ZERO_ADDRESS,
  operator: ZERO_ADDRESS,
  releaseId: ZERO_HASH,
  maxInput: 65_536,
  maxOutput: 65_536,
}
export const START = { version: 1, config: CONFIG, evidence: 'simulated' }
const ENGINE = { maxArtifacts: 8, maxArtifactBytes: 2 ** 27 }

/** What must be in nothing that an enclave says: attacks carry it. */
export const SECRET = 'c0ffee5ec2e7c0ffee5ec2e7c0ffee5e'

/** An enclave that answers, as whoever runs its machine sees it. */
export type Target = {
  /** Bytes straight to the channel. */
  connect(): Promise<Duplex>
  client: EnclaveClient
  said: string[]
  pids: number[]
  root: SimulatedRoot
  pcrs: Uint8Array[]
  exited: Promise<unknown>
  /** Of a guest alone: its link, and what answers as its security module. */
  guest?: { link: Duplex; session: ClientHttp2Session; module: HostModule }
  close(): Promise<void>
}

/** The answer to one request, in a frame; or whatever else is done to the stream. */
export type HostModule = {
  answer: (request: Uint8Array, stream: Duplex) => void
  honest(request: Uint8Array): Uint8Array
  stream: Duplex
}

export const frame = (content: Uint8Array): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(content.length)
  return Buffer.concat([head, content])
}

export function openSession(link: Duplex): ClientHttp2Session {
  const session = connectHttp2('http://guest', {
    createConnection: () => link,
    maxSessionMemory: 1_000_000,
    settings: { initialWindowSize: 2 ** 20 },
  })
  return session.on('error', () => {})
}

export async function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
) {
  const stream = session.request(headers, { endStream: false }).on('error', () => {})
  if (body !== undefined) stream.end(body)
  const status = await Promise.race([
    once(stream, 'response').then(([answer]) => answer[':status'] as number),
    once(stream, 'close').then(() => undefined),
  ]).catch(() => undefined)
  return { status, stream }
}
export const POST_START = { ':method': 'POST', ':path': '/v1/start' }
export const toChannel = { ':method': 'CONNECT', ':authority': 'channel' }
export const toModule = { ':method': 'CONNECT', ':authority': 'security-module' }
export const startOptions = (changes: object = {}): string =>
  JSON.stringify(toJson({ ...START, engine: ENGINE, ...changes }))

/** Starts a machine as an honest host does, with every part of it in the test's hands. */
export async function startGuest(machine: Machine, changes: object = {}): Promise<Target> {
  const root = createRoot()
  const software = createModule({ root, pcrs: machine.pcrs, moduleId: 'simulated-hostile' })
  const session = openSession(machine.link)
  const { stream } = await request(session, toModule)
  const honest = (bytes: Uint8Array) => frame(encodeCbor(answerTo(software, bytes)))
  const module: HostModule = { honest, stream, answer: (bytes, to) => void to.write(honest(bytes)) }
  stream.on('data', chunk => module.answer(chunk.subarray(4), stream))
  const lines = createConsole(line => machine.said.push(line))
  const started = await request(session, POST_START, startOptions(changes))
  readLines(started.stream, lines.write)
  await lines.ready(
    machine.exited.then(() => 'gone'),
    90_000,
  )
  const connect = async () => {
    const { status, stream: tunnel } = await request(session, toChannel)
    if (status !== 200) throw new Error(`status ${status}`)
    return tunnel
  }
  const client = createEnclaveClient({ connect, timeoutMs: 60_000 })
  return {
    ...{ connect, client, said: machine.said, pids: machine.pids, root, pcrs: machine.pcrs },
    ...{ exited: machine.exited, guest: { link: machine.link, session, module } },
    async close() {
      client.close()
      await machine.stop()
    },
  }
}

/** Megabytes that processes hold in memory, and those that they started. */
export function memoryOf(pids: number[]): number {
  const all = new Set<number>()
  const add = (pid: number): void => {
    if (all.has(pid)) return
    all.add(pid)
    for (const child of childrenOf(pid)) add(child)
  }
  for (const pid of pids) add(pid)
  return [...all].reduce((total, pid) => total + residentOf(pid), 0)
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function residentOf(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

export const nonce = (): `0x${string}` => `0x${randomBytes(32).toString('hex')}`

export async function endsWithin(target: Pick<Target, 'exited'>, ms: number): Promise<boolean> {
  return await Promise.race([target.exited.then(() => true), sleep(ms, false)])
}
