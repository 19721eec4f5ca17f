import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256, toHex } from '@nacre/verify'
import { encodeFrame } from '@nacre/verify/frame'
import { expect } from 'vitest'
import type { Attack } from './attack.ts'
import { jobOf } from './honest.ts'
import { nonce, SECRET, type Target } from './target.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`
const announce = (path: string, length: number, extra = '') =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${extra}content-length: ${length}\r\n\r\n`

function post(path: string, body: string | Uint8Array, extra = ''): Buffer {
  const content = Buffer.from(body)
  return Buffer.concat([Buffer.from(announce(path, content.length, extra)), content])
}

/** Each call of the channel, as it is meant, with what must never be told on. */
const CALLS: Record<string, Buffer> = {
  health: Buffer.from(get('/v1/health')),
  identity: Buffer.from(get('/v1/identity')),
  attest: post('/v1/attest', JSON.stringify({ nonce: `0x${SECRET}` })),
  artifact: post('/v1/artifacts', SECRET.repeat(100), `x-artifact: ${sha256(Buffer.from('other'))}\r\n`),
  job: post('/v1/infer', encodeFrame({ json: Buffer.from('{}'), bytes: Buffer.from(SECRET) })),
}

/** A connection of which nobody wants to know how it ends. */
async function open({ connect }: Target): Promise<Duplex> {
  const stream = await connect()
  stream.on('error', () => {}).resume()
  return stream
}

async function send(target: Target, bytes: string | Uint8Array, forMs = 50): Promise<void> {
  const stream = await open(target)
  stream.write(bytes)
  await Promise.race([once(stream, 'close').catch(() => {}), sleep(forMs)])
  stream.destroy()
}

/** As many as there is room for, at a time: what does not connect is refused, which is an answer. */
async function openMany(target: Target, count: number): Promise<Duplex[]> {
  const all = await Promise.allSettled(
    Array.from({ length: count }, () => Promise.race([open(target), sleep(3000).then(() => undefined)])),
  )
  return all.flatMap(one => (one.status === 'fulfilled' && one.value ? [one.value] : []))
}

const garbage: [string, () => string | Uint8Array][] = [
  ['random bytes', () => randomBytes(65_536)],
  ['zeros', () => Buffer.alloc(65_536)],
  ['a TLS handshake', () => Buffer.from(`1603010200010001fc0303${'00'.repeat(200)}`, 'hex')],
  ['HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a smuggled request', () => `${announce('/v1/attest', 2)}{}${get('/v1/identity')}`],
  ['two lengths', () => announce('/v1/attest', 2, 'content-length: 3\r\n')],
  ['a length that is none', () => announce('/v1/attest', Number.NaN)],
  [
    'chunks without an end',
    () => `POST /v1/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n`,
  ],
  ['a job of garbage', () => post('/v1/infer', randomBytes(10_000))],
  [
    'a job that names a prototype',
    () => post('/v1/infer', encodeFrame({ json: Buffer.from('{"__proto__":{}}'), bytes: Buffer.alloc(0) })),
  ],
]

const oversize: [string, () => string | Uint8Array][] = [
  ['headers without an end', () => `GET /v1/health HTTP/1.1\r\n${'x: y\r\n'.repeat(50_000)}`],
  ['one long header', () => `GET /v1/health HTTP/1.1\r\nx: ${'y'.repeat(1_000_000)}`],
  ['a body of terabytes, announced', () => announce('/v1/artifacts', 2 ** 42, `x-artifact: ${nonce()}\r\n`)],
  [
    'an artifact over the bound',
    () => post('/v1/artifacts', Buffer.alloc(32 * 2 ** 20 + 1), `x-artifact: ${nonce()}\r\n`),
  ],
  ['a nonce call over the bound', () => post('/v1/attest', ' '.repeat(100_000))],
]

const attack = (name: string, run: Attack['run']): Attack => ({
  by: 'channel',
  name,
  outcome: 'answers',
  run,
})

export const CHANNEL_ATTACKS: Attack[] = [
  ...garbage.map(([name, bytes]) => attack(`garbage: ${name}`, target => send(target, bytes()))),
  ...oversize.map(([name, bytes]) => attack(`oversize: ${name}`, target => send(target, bytes(), 500))),
  ...Object.entries(CALLS).map(([name, bytes]) =>
    attack(`truncation: ${name}, cut at every tenth`, async target => {
      for (let at = 1; at < 10; at++) {
        const stream = await open(target)
        stream.end(bytes.subarray(0, Math.ceil((bytes.length * at) / 10)))
        await sleep(5)
        if (at % 2) stream.destroy()
      }
    }),
  ),
  attack('truncation: answers, reset while they come', async target => {
    for (let i = 0; i < 100; i++) {
      const stream = await target.connect()
      stream.on('error', () => {}).write(Buffer.concat(Array(20).fill(CALLS.identity)))
      if (i % 2) await sleep(2)
      stream.destroy()
    }
  }),
  attack('delay: one byte at a time, on sixteen connections', async target => {
    const streams = await openMany(target, 16)
    for (let at = 0; at < 40; at++) {
      for (const stream of streams) stream.write(CALLS.job!.subarray(at, at + 1))
      await sleep(25)
    }
    for (const stream of streams) stream.destroy()
  }),
  attack('delay: a call that never ends, beside which others are answered', async (target, { model }) => {
    const stream = await open(target)
    stream.write(announce('/v1/infer', 1000))
    await target.client.infer(jobOf(model))
    stream.destroy()
  }),
  attack('flood: two hundred connections', async target => {
    for (const stream of await openMany(target, 200)) stream.destroy()
    await sleep(100)
  }),
  attack('flood: calls without a body’s end, as many as connect', async target => {
    const streams = await openMany(target, 60)
    for (const stream of streams) stream.write(`${announce('/v1/infer', 1_000_000)}{`)
    await sleep(200)
    for (const stream of streams) stream.destroy()
    await sleep(100)
  }),
  attack('flood: 500 jobs at a time on one connection, which reads nothing', async target => {
    const stream = await target.connect()
    stream.on('error', () => {})
    stream.write(Buffer.concat(Array(500).fill(CALLS.job)))
    await sleep(500)
    stream.destroy()
  }),
  attack('flood: two thousand calls on one connection', async target => {
    const stream = await open(target)
    stream.write(Buffer.concat(Array(2000).fill(CALLS.health)))
    await sleep(1000)
    stream.destroy()
  }),
  attack('replay: one job twenty times at once is one receipt', async (target, { model }) => {
    const job = jobOf(model)
    const answers = await Promise.all(Array.from({ length: 20 }, () => target.client.infer(job)))
    for (const answer of answers) expect(answer).toEqual(answers[0])
  }),
  attack('replay: another job for the same request is none', async (target, { job }) => {
    for (const change of [{ maxOutput: 1 }, { input: job.input.subarray(0, -1) }]) {
      const refused = target.client.infer({ ...job, ...change })
      await expect(refused).rejects.toMatchObject({ code: 'conflicting-job' })
    }
  }),
  attack('replay: evidence over one nonce, again and again', async target => {
    const challenge = nonce()
    const all = await Promise.all(Array.from({ length: 8 }, () => target.client.attest(challenge)))
    for (const { kind } of all) expect(kind).toBe('simulated')
  }),
]

const load = async (target: Target, bytes: Uint8Array, name = sha256(bytes)) =>
  await target.client.loadArtifact(name, bytes).then(
    () => 'loaded',
    (error: { code: string }) => error.code,
  )

const model = (name: string, run: Attack['run']): Attack => ({ ...attack(name, run), by: 'artifact' })

export const ARTIFACT_ATTACKS: Attack[] = [
  model('garbage: random bytes, zeros, and text', async target => {
    for (const bytes of [randomBytes(1_000_000), Buffer.alloc(1_000_000), Buffer.from(SECRET.repeat(1000))])
      expect(await load(target, bytes)).toBe('unsupported-model')
  }),
  model('garbage: nothing', async target => {
    expect(await load(target, new Uint8Array(0))).toBe('unsupported-model')
  }),
  model('garbage: messages within messages', async target => {
    let bytes = Buffer.alloc(0)
    for (let i = 0; i < 5000; i++) bytes = Buffer.concat([Buffer.of(0x3a, 0xff, 0xff, 0x7f), bytes])
    expect(await load(target, bytes)).toBe('unsupported-model')
  }),
  model('replay: bytes under another’s name', async target => {
    expect(await load(target, randomBytes(1000), toHex(randomBytes(32)))).toBe('artifact-mismatch')
  }),
  model('flood: a hundred that are no models', async target => {
    for (let i = 0; i < 100; i++) expect(await load(target, randomBytes(100))).not.toBe('loaded')
  }),
  model('oversize: an artifact of one byte too many', async target => {
    expect(await load(target, Buffer.alloc(32 * 2 ** 20 + 1))).toMatch(/body-too-large|unreachable/)
  }),
]
