import type { RequestListener } from 'node:http'
import {
  fromHex,
  type Hex,
  toHex,
  userData,
  utf8,
  verifyDstack,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { parseDstackBundle } from '@nacre/verify/attest/dstackBundle'
import { DstackClient } from '@phala/dstack-sdk'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type DstackAgent, startDstackAgent } from '../../test/dstackAgent.ts'
import type { StartOptions } from '../config.ts'
import { createService } from '../service.ts'
import { dstackProvider } from './dstack.ts'

const TIME = 1_790_000_000n
const NONCE: Hex = `0x${'5a'.repeat(32)}`
const LIMITS = { maxInput: 1000, maxOutput: 1000 }
const options: StartOptions = {
  version: 1,
  config: {
    version: 1,
    chainId: 31_337n,
    registry: ZERO_ADDRESS,
    operator: ZERO_ADDRESS,
    releaseId: ZERO_HASH,
    ...LIMITS,
  },
  evidence: 'dstack',
  sockets: { channel: '/nowhere' },
  engine: { maxArtifacts: 1, maxArtifactBytes: 1000 },
}

let agent: DstackAgent

beforeAll(async () => {
  agent = await startDstackAgent(TIME)
})
afterEach(() => {
  agent.broken = undefined
})
afterAll(() => agent.close())

test('evidence verifies, and binds key and nonce', async () => {
  const service = createService(options, 'engine', 'none', {
    tsm: { folder: '/nowhere' },
    dstack: agent.socket,
  })
  const { evidence } = await service.attest(NONCE)
  expect(evidence.kind).toBe('dstack')
  const policy = { version: 1 as const, roots: [agent.pin] }
  const verdict = verifyDstack(fromHex(evidence.bytes), agent.files, TIME, policy)
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  const reportData = userData(service.identity().identity).slice(2) + NONCE.slice(2)
  expect(verdict).toMatchObject({ code: 'ok', reportData })
})

test('the stand-in serves dstack’s own client, which gets the same quote', async () => {
  const client = new DstackClient(agent.socket)
  const reportData = new Uint8Array(64).fill(7)
  const quoted = await client.getQuote(reportData)
  const ours = await dstackProvider(agent.socket)(reportData.subarray(0, 32), reportData.subarray(32))
  const bundle = parseDstackBundle(ours)
  expect(toHex(bundle.quote)).toBe(`0x${quoted.quote}`)
  expect(JSON.parse(Buffer.from(ours).toString())).toEqual({
    quote: quoted.quote,
    event_log: quoted.event_log,
    report_data: quoted.report_data,
  })
  const { rtmr3 } = verifyDstack(ours, agent.files, TIME, { version: 1, roots: [agent.pin] }).measurements
  expect(quoted.replayRtmrs()[3]).toBe(rtmr3)
  expect((await client.info()).tcb_info.app_compose).toBe(
    Buffer.from(agent.files.get('app-compose.json')!).toString(),
  )
  expect(await client.isReachable()).toBe(true)
})

const reply =
  (status: number, body: string | Uint8Array): RequestListener =>
  (_, response) =>
    response.writeHead(status).end(body)
const json = (value: object) => reply(200, JSON.stringify(value))
const broken: [string, RequestListener, RegExp][] = [
  ['an error', reply(400, '{"error":"no quote provider"}'), /status 400/],
  ['a redirect', (_, response) => response.writeHead(302, { location: '/' }).end(), /status 302/],
  ['no JSON', reply(200, 'quote'), /no JSON/],
  ['no UTF-8', reply(200, Uint8Array.of(0x22, 0xff, 0x22)), /no JSON/],
  ['a list', reply(200, 'null'), /no JSON/],
  ['no quote', json({ event_log: '[]' }), /no quote/],
  ['a quote that is no hex', json({ quote: 'xyz', event_log: '[]' }), /no quote/],
  ['an empty quote', json({ quote: '', event_log: '[]' }), /no quote/],
  ['no log', json({ quote: '00', event_log: [] }), /no event log/],
  ['a quote over something else', json({ quote: '00', event_log: '[]', report_data: '00' }), /what was sent/],
  ['an answer over the bound', reply(200, ' '.repeat(65_537)), /more than 65536 bytes/],
  [
    'an answer without an end',
    (_, response) => {
      const block = Buffer.alloc(65_536, ' ')
      const pump = () => {
        while (!response.destroyed && response.write(block));
      }
      response.on('drain', pump)
      pump()
    },
    /more than 65536 bytes/,
  ],
  ['a connection that ends', request => request.socket.destroy(), /hang up|ECONNRESET/],
  [
    'half an answer',
    (_, response) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('{')
      setTimeout(() => response.destroy(), 10)
    },
    /aborted/,
  ],
  ['no answer', () => {}, /does not answer/],
]
test.each(broken)('%s is no evidence', async (_, listener, message) => {
  agent.broken = listener
  const attest = dstackProvider(agent.socket, 500)
  await expect(attest(utf8('u'.repeat(32)), utf8('n'.repeat(32)))).rejects.toMatchObject({
    code: 'security-module',
    message: expect.stringMatching(message),
  })
})

test('without an agent there is no evidence', async () => {
  const attest = dstackProvider(`${agent.socket}.none`)
  await expect(attest(new Uint8Array(32), new Uint8Array(32))).rejects.toMatchObject({
    code: 'security-module',
  })
})
