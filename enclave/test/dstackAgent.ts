import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fromHex, type Hex } from '@nacre/verify'
import { createDstackAuthority, MOCK_COMPOSE } from '../../test/mock-authority/index.ts'

/** A stand-in of dstack's guest agent on a Unix socket; dstack.test.ts holds it against dstack's own client. */
export type DstackAgent = {
  socket: string
  /** Collateral of its quotes, and the root that they are under. */
  files: Map<string, Uint8Array>
  pin: string
  /** What is answered instead, until it is cleared; it may answer late, never, or nonsense. */
  broken: RequestListener | undefined
  close(): Promise<void>
}

/** `time`: when its quotes are valid, seconds. */
export async function startDstackAgent(time: bigint): Promise<DstackAgent> {
  const authority = createDstackAuthority('dstack agent')
  const dir = mkdtempSync(join(tmpdir(), 'nacre-dstack-'))
  const { files, pin } = authority.issue({ time })
  const quote = (reportData: string) => {
    const td = { reportData: fromHex(`0x${reportData.padEnd(128, '0')}` as Hex) }
    const change = (json: { report_data: string }) => {
      json.report_data = reportData
    }
    return Buffer.from(authority.issue({ time, quote: { td }, change }).bundle).toString()
  }
  const routes: Record<string, (body: { report_data: string }) => string> = {
    '/GetQuote': ({ report_data }) => quote(report_data),
    '/Info': () => JSON.stringify(info()),
    '/Version': () => JSON.stringify({ version: '0.5.8', rev: 'mock' }),
  }
  const server = createServer(async (request, response) => {
    if (agent.broken) return agent.broken(request, response)
    const route = request.method === 'POST' ? routes[request.url ?? ''] : undefined
    if (!route) return answer(response, 404, '{"error":"not found"}')
    answer(response, 200, route(JSON.parse(await text(request))))
  }).listen(join(dir, 'dstack.sock'))
  await once(server, 'listening')
  const agent: DstackAgent = {
    socket: join(dir, 'dstack.sock'),
    files,
    pin,
    broken: undefined,
    async close() {
      server.closeAllConnections()
      server.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return agent
}

function info(): object {
  const compose = Buffer.from(MOCK_COMPOSE).toString()
  const registers = Object.fromEntries(['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'].map(name => [name, '']))
  return {
    app_id: '00'.repeat(20),
    instance_id: '07'.repeat(20),
    app_cert: '',
    tcb_info: JSON.stringify({ ...registers, app_compose: compose, event_log: [] }),
    app_name: 'nacre',
    device_id: '',
    key_provider_info: '{}',
    compose_hash: '',
  }
}

/** dstack's client reads as much as the header announces, and nothing of a body in chunks. */
function answer(response: ServerResponse, status: number, body: string): void {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  response.writeHead(status, headers).end(body)
}
