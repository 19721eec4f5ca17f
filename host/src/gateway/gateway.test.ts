import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type ClientRequest, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { receiptEvent, STREAM_END } from '@nacre/verify/answerStream'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { policy } from '../../../test/mock-authority/index.ts'
import { eventually } from '../../testing/operatorWorld.ts'
import {
  type Answer,
  proofOf,
  type StrangeOperator,
  sayHello,
  sayJson,
  startStrangeOperator,
} from '../../testing/strangeOperator.ts'
import { parseConfig } from '../common/config.ts'
import { type Common, createCommon } from '../common/index.ts'
import { temporaryPostgres } from '../database/testing.ts'
import type { Postgres } from '../processes/postgres.ts'
import { type GatewayConfig, gatewayConfig } from './config.ts'
import { listKeys, newKey, revokeKey } from './keys.ts'
import { openGatewayDatabase, startGateway } from './start.ts'

type Running = { url: string; common: Common<GatewayConfig>; log: string[] }

let dir: string
let server: Postgres
let operators: [StrangeOperator, StrangeOperator]
let gateways: Running[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-gateway-'))
  server = await temporaryPostgres()
})

beforeEach(async () => {
  operators = await Promise.all([startStrangeOperator(), startStrangeOperator()])
})

afterEach(async () => {
  for (const { common } of gateways) await common.shutdown.close()
  gateways = []
  for (const operator of operators) await operator.close()
})

afterAll(async () => {
  await server.stop()
  rmSync(dir, { recursive: true, force: true })
})

const CHAT = { model: 'small', messages: [{ role: 'user' as const, content: 'a secret prompt' }] }
const ask = (url: string, headers: Record<string, string> = {}, body: unknown = CHAT) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

describe('plain calls', () => {
  test('the official client is answered, byte for byte; keys and cookies end here', async () => {
    const { url } = await start()
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-not-for-operators' })
    const { data } = await client.models.list()
    expect(data.map(({ id }) => id)).toEqual(['small'])
    expect((await client.models.retrieve('small')).id).toBe('small')
    await expect(client.models.retrieve('an/other')).rejects.toMatchObject({ code: 'model_not_found' })
    const completion = await client.chat.completions.create(CHAT, { headers: { cookie: 'a=1' } })
    expect(completion.choices[0]?.message.content).toBe('hello')
    const [asked] = operators.flatMap(operator => operator.asked)
    expect(JSON.parse(asked!.body.toString())).toEqual(CHAT)
    const names = Object.keys(asked!.headers)
    expect(
      names.filter(name => !['host', 'connection', 'content-type', 'content-length'].includes(name)),
    ).toEqual([])
    const answer = await ask(url)
    expect(answer.headers.get('x-nacre-receipt')).toMatch(/^ey/)
    expect(answer.headers.get('x-secret')).toBeNull()
  })

  test.each<[string, Answer]>([
    ['breaks off', (_, response) => response.destroy()],
    ['is full', (_, response) => sayJson(response, 429, {})],
    ['does not serve', (_, response) => sayJson(response, 503, {})],
  ])('an operator that %s is not the end: another one answers', async (_, strange) => {
    const { url } = await start()
    operators[0].behave(strange)
    for (let call = 0; call < 6; call++) expect((await ask(url)).status).toBe(200)
    expect(operators[1].asked).toHaveLength(6)
  })

  test('one that is gone is not waited for, and is found again when it is back', async () => {
    const { url } = await start()
    await operators[0].close()
    for (let call = 0; call < 4; call++) expect((await ask(url)).status).toBe(200)
    await eventually(async () => ((await healthOf(url)).enclaves.length === 1 ? true : undefined))
  })

  test('one that falls silent is given up, and what had no answer is answered by another', async () => {
    const { url } = await start({ pollMs: 50, pollTimeoutMs: 200 })
    operators[0].behave(() => {})
    operators[1].fail('unready')
    await eventually(async () => ((await healthOf(url)).enclaves.length === 1 ? true : undefined))
    const waiting = ask(url)
    await eventually(async () => operators[0].asked[0])
    operators[1].fail(undefined)
    await eventually(async () => ((await healthOf(url)).enclaves.length === 2 ? true : undefined))
    operators[0].fail('silent')
    expect((await waiting).status).toBe(200)
    expect(operators[1].asked).toHaveLength(1)
  })

  test('an answer is one also when its enclave serves no such model any more', async () => {
    const models = ['small', 'other']
    const leaving = await startStrangeOperator(models)
    const { url } = await start({ operators: [leaving.url] })
    const asked = Promise.withResolvers<() => void>()
    leaving.behave((_, response) => asked.resolve(() => sayHello(response)))
    const waiting = ask(url)
    const answer = await asked.promise
    models.shift()
    const listed = async () => JSON.stringify(await json(`${url}/v1/models`))
    await eventually(async () => ((await listed()).includes('small') ? undefined : true))
    answer()
    expect((await waiting).status).toBe(200)
    await leaving.close()
  })

  test('when all are full the client hears it, with the time to wait', async () => {
    const { url } = await start()
    for (const operator of operators)
      operator.behave((_, response) => response.writeHead(429, { 'retry-after': '7' }).end('{"error":{}}'))
    const answer = await ask(url)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7'])
  })

  test('after the first byte nobody else is asked: what is cut off is cut off', async () => {
    const { url } = await start()
    for (const operator of operators)
      operator.behave((_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {}\n\n', () => response.destroy())
      })
    const answer = await ask(url)
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
    expect(operators.flatMap(({ asked }) => asked)).toHaveLength(1)
  })

  test('calls go to whoever has the least to do, and x-nacre-enclave names one', async () => {
    const { url } = await start()
    const held: (() => void)[] = []
    for (const operator of operators) operator.behave((_, response) => held.push(() => sayHello(response)))
    const calls = Array.from({ length: 6 }, () => ask(url))
    await eventually(async () => (held.length === 6 ? true : undefined))
    expect(operators.map(({ asked }) => asked.length)).toEqual([3, 3])
    for (const answer of held) answer()
    await Promise.all(calls)
    const { receiptKey } = operators[1]
    for (const operator of operators) operator.behave((_, response) => sayHello(response))
    for (let call = 0; call < 4; call++) await ask(url, { 'x-nacre-enclave': receiptKey })
    expect(operators[1].asked).toHaveLength(7)
    const none = await ask(url, { 'x-nacre-enclave': `0x${'00'.repeat(20)}` })
    expect([none.status, await codeOf(none)]).toEqual([503, 'enclave_gone'])
  })

  test.each<[string, unknown, number, string]>([
    ['not JSON', '{', 400, 'invalid_json'],
    ['without a model', {}, 400, 'invalid_value'],
    ['of no model here', { model: 'gpt-4' }, 404, 'model_not_found'],
    ['too long', { ...CHAT, user: 'x'.repeat(70_000) }, 413, 'request_too_large'],
  ])('a body that is %s is refused in OpenAI’s form', async (_, body, status, code) => {
    const { url } = await start({ maxBody: 65_536 })
    const answer =
      typeof body === 'string'
        ? await fetch(`${url}/v1/completions`, { method: 'POST', body })
        : await ask(url, {}, body)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param: null, code },
    })
    expect(operators.flatMap(({ asked }) => asked)).toEqual([])
  })

  test('bodies without a length, other methods and paths are refused; pages of any origin may call', async () => {
    const { url } = await start()
    const body = new Blob(['{}']).stream()
    const chunked = await fetch(`${url}/v1/embeddings`, {
      method: 'POST',
      body,
      duplex: 'half',
    } as RequestInit)
    expect([chunked.status, await codeOf(chunked)]).toEqual([411, 'length_required'])
    const got = await fetch(`${url}/v1/embeddings`)
    expect([got.status, await codeOf(got)]).toEqual([405, 'method_not_allowed'])
    const lost = await fetch(`${url}/v1/images`, { method: 'POST' })
    expect([lost.status, await codeOf(lost)]).toEqual([404, 'unknown_url'])
    const headers = { 'access-control-request-headers': 'authorization,x-nacre-nonce' }
    const preflight = await fetch(`${url}/v1/chat/completions`, { method: 'OPTIONS', headers })
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,x-nacre-nonce')
    expect((await ask(url)).headers.get('access-control-allow-origin')).toBe('*')
  })
})

describe('clients', () => {
  test('one that names a whole address is answered: it sends operators nowhere, and makes none of them suspect', async () => {
    const { url } = await start()
    const body = JSON.stringify(CHAT)
    const path = 'http://elsewhere.example/v1/chat/completions?a=b'
    const call = request(url, { method: 'POST', path, headers: { 'content-length': body.length } }).end(body)
    const [response] = await once(call, 'response')
    expect(response.statusCode).toBe(200)
    response.resume()
    expect(operators.flatMap(({ asked }) => asked.map(one => one.path))).toEqual(['/v1/chat/completions?a=b'])
  })

  test('one that goes away ends the call at the operator', async () => {
    const { url } = await start()
    const ended = Promise.withResolvers<void>()
    for (const operator of operators)
      operator.behave((_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
        response.on('close', () => ended.resolve())
      })
    const abort = new AbortController()
    const answer = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify(CHAT),
      signal: abort.signal,
    })
    expect(answer.status).toBe(200)
    abort.abort()
    await ended.promise
    await eventually(async () => (/open_calls 0/.test(await metricsOf(url)) ? true : undefined))
  })

  test('five hundred at once are answered, slow ones hold no more than their buffers, and nothing is left', async () => {
    const { url } = await start()
    let written = 0
    for (const operator of operators)
      operator.behave(({ body }, response) => {
        if (!body.includes('endless')) return sayHello(response)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const piece = Buffer.alloc(65_536, 'x')
        const pump = () => {
          while (!response.destroyed && response.write(piece)) written += piece.length
        }
        response.on('drain', pump)
        pump()
      })
    const slow = await Promise.all(Array.from({ length: 8 }, () => slowReader(url)))
    await eventually(async () => {
      const before = written
      await new Promise(resolve => setTimeout(resolve, 300))
      return written === before ? true : undefined
    })
    // Of the kernel's and Node's buffers along the way, for each of them.
    expect(written / slow.length).toBeLessThan(16 * 2 ** 20)
    const answers = await Promise.all(Array.from({ length: 500 }, () => ask(url)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    for (const call of slow) call.destroy()
    await eventually(async () => (/open_calls 0/.test(await metricsOf(url)) ? true : undefined))
  })

  test('bodies take no more memory than there is room for', async () => {
    const { url } = await start({ maxHeld: 1_048_576, maxBody: 1_048_576 })
    const port = Number(new URL(url).port)
    const begin = (body: Buffer) => {
      const slow = connect(port, '127.0.0.1').on('error', () => {})
      slow.write('POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n')
      slow.write(body)
      return slow
    }
    const silent = begin(Buffer.alloc(0))
    await eventually(async () => (/open_calls 1/.test(await metricsOf(url)) ? true : undefined))
    // What is announced keeps nobody out, what came does.
    expect((await ask(url)).status).toBe(200)
    silent.destroy()
    const long = { ...CHAT, user: 'x'.repeat(900_000) }
    const slow = await eventually(async () => {
      const one = begin(Buffer.alloc(1_000_000, ' '))
      // The gateway reads it beside these.
      for (let look = 0; look < 40; look++) await healthOf(url)
      // In the middle of its body, and told all the same.
      const refused = await ask(url, {}, long)
      if (refused.status === 503 && (await codeOf(refused)) === 'too_busy') return one
      one.destroy()
      return undefined
    })
    slow.destroy()
    await eventually(async () => ((await ask(url)).status === 200 ? true : undefined))
  })
})

describe('operators that lie', () => {
  test('a head that comes piece by piece for ever is none: another one answers', async () => {
    const { url } = await start({ silenceMs: 1_000 })
    let calls = 0
    for (const operator of operators)
      operator.behave((_, response) => {
        if (calls++ > 0) return sayHello(response)
        const timer = setInterval(() => response.writeProcessing(), 100)
        response.on('close', () => clearInterval(timer))
      })
    expect((await ask(url)).status).toBe(200)
    expect(calls).toBe(2)
  })

  test('one that makes no attestation keeps nobody from those of the others', async () => {
    const { url } = await start()
    operators[0].fail('unattested')
    const nonce = `0x${'ab'.repeat(32)}`
    const asked = Array.from({ length: 60 }, () => json(`${url}/v1/attestation/report?nonce=${nonce}`))
    for (const report of (await Promise.all(asked)) as Report[])
      expect(report.attestations.map(one => one.signing_address)).toEqual([operators[1].receiptKey])
  })

  test('one that names the enclave of another gets nothing that is meant for it', async () => {
    const { receiptKey } = operators[0]
    const thief = await startStrangeOperator(['small'], receiptKey)
    const { url } = await start({ operators: [operators[0].url, thief.url] })
    for (let call = 0; call < 8; call++)
      expect((await ask(url, { 'x-nacre-enclave': receiptKey })).status).toBe(200)
    expect([operators[0].asked.length, thief.asked.length]).toEqual([8, 0])
    await thief.close()
  })
})

describe('sealed bodies', () => {
  const sealed = (url: string, enclave?: string) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/vnd.nacre.sealed',
        'x-nacre-nonce': `0x${'11'.repeat(32)}`,
        'x-nacre-model': 'small',
        ...(enclave && { 'x-nacre-enclave': enclave }),
      },
      body: Buffer.alloc(100_000, 7),
    })

  test('go to the one enclave that can open them, unread, with what names it and nothing else', async () => {
    const { url } = await start()
    const { receiptKey } = operators[1]
    operators[1].behave(({ body }, response) => response.writeHead(200, { 'content-type': 'x/y' }).end(body))
    const answer = await sealed(url, receiptKey)
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.alloc(100_000, 7))
    expect(operators[1].asked[0]?.headers).toMatchObject({
      'content-type': 'application/vnd.nacre.sealed',
      'x-nacre-nonce': `0x${'11'.repeat(32)}`,
      'x-nacre-enclave': receiptKey,
      'x-nacre-model': 'small',
    })
    expect(operators[0].asked).toEqual([])
  })

  test.each<[string, Answer]>([
    ['breaks off', (_, response) => response.destroy()],
    ['is full', (_, response) => response.writeHead(429).end()],
  ])('are never given to another one, nor twice, when it %s', async (_, strange) => {
    const { url } = await start()
    operators[0].behave(strange)
    const answer = await sealed(url, operators[0].receiptKey)
    expect([503, 429]).toContain(answer.status)
    if (answer.status === 503) expect(await codeOf(answer)).toBe('enclave_gone')
    expect(operators.map(({ asked }) => asked.length)).toEqual([1, 0])
  })

  test('to nobody here, or to nobody at all, are refused with what to do', async () => {
    const { url } = await start()
    const gone = await sealed(url, `0x${'22'.repeat(20)}`)
    expect([gone.status, await codeOf(gone)]).toEqual([503, 'enclave_gone'])
    const nameless = await sealed(url)
    expect([nameless.status, await codeOf(nameless)]).toEqual([400, 'invalid_value'])
  })
})

describe('enclaves', () => {
  test('with a policy only those are there whose attestation it accepts', async () => {
    const policyFile = join(dir, 'policy.json')
    writeFileSync(policyFile, JSON.stringify(policy))
    const attested = await start({ policyFile })
    expect(attested.log.filter(line => line.includes('ENCLAVE_UNAVAILABLE'))).toEqual([])
    expect(await healthOf(attested.url)).toMatchObject({ ok: true, attested: true, enclaves: [{}, {}] })
    const other = { ...policy, releases: [`0x${'99'.repeat(32)}`] }
    writeFileSync(policyFile, JSON.stringify(other))
    const refusing = await start({ policyFile })
    expect(await healthOf(refusing.url)).toMatchObject({ ok: false, enclaves: [] })
    const answer = await ask(refusing.url)
    expect([answer.status, await codeOf(answer)]).toEqual([503, 'no_enclave'])
    expect(refusing.log.join()).toContain('policy-release')
    const open = await start()
    expect(open.log.join()).toContain('attested or not')
  })

  test('attestations of all are told, over the nonce that was asked for; receipts come from who gave the answer', async () => {
    const { url } = await start()
    const nonce = `0x${'ab'.repeat(32)}`
    const report = (await json(`${url}/v1/attestation/report?model=small&nonce=${nonce}`)) as Report
    const keys = operators.map(({ receiptKey }) => receiptKey)
    expect(report.attestations.map(one => one.signing_address).sort()).toEqual(keys.toSorted())
    expect(keys).toContain(report.signing_address)
    expect(report.attestations.map(({ evidenceNonce }) => evidenceNonce)).toEqual([nonce, nonce])
    const one = (await json(
      `${url}/v1/attestation/report?nonce=${nonce}&signing_address=${keys[1]}`,
    )) as Report
    expect(one.attestations).toHaveLength(1)
    const lost = await fetch(`${url}/v1/attestation/report?model=other&nonce=${nonce}`)
    expect([lost.status, await codeOf(lost)]).toEqual([404, 'not_found'])
    for (const key of keys)
      expect(await json(`${url}/v1/receipts/chatcmpl-${key.slice(2, 10)}-${'ab'.repeat(32)}`)).toEqual({
        told: key,
      })
    const gone = await fetch(`${url}/v1/receipts/chatcmpl-00000000-${'ab'.repeat(32)}`)
    expect([gone.status, await codeOf(gone)]).toEqual([503, 'enclave_gone'])
  })

  test('an operator that sends without an end, or lies in form, fills no memory and serves nothing', async () => {
    const endless = await startStrangeOperator(Array.from({ length: 65 }, (_, index) => `model-${index}`))
    const { url } = await start({ operators: [endless.url, operators[0].url] })
    expect((await healthOf(url)).enclaves).toHaveLength(1)
    await endless.close()
  })
})

describe('keys', () => {
  test('are needed where the configuration says so, at every gateway, until they are revoked', async () => {
    const keys = { required: true }
    const [one, other] = [await start({ keys }), await start({ keys })]
    const database = await openGatewayDatabase(one.common)
    const { id, key } = await newKey(database, 'a test')
    for (const headers of [{}, { authorization: 'Bearer nk-wrong' }, { authorization: 'Basic x' }]) {
      const refused = await ask(one.url, headers as Record<string, string>)
      expect([refused.status, await codeOf(refused)]).toEqual([401, 'invalid_api_key'])
    }
    const authorization = `Bearer ${key}`
    for (const { url } of [one, other]) expect((await ask(url, { authorization })).status).toBe(200)
    await streamed(other.url, authorization)
    const used = await eventually(async () => {
      const listed = (await listKeys(database)).find(one => one.id === id)
      return listed?.requests === 3 ? listed : undefined
    })
    expect(used).toMatchObject({ name: 'a test', requests: 3, units: 12 + 12 + 34, revokedAt: null })
    await revokeKey(database, id)
    await expect(revokeKey(database, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    for (const { url } of [one, other])
      await eventually(async () => ((await ask(url, { authorization })).status === 401 ? true : undefined))
    const { rows } = await database.queries.execute('select hash from api_keys')
    expect(JSON.stringify(rows)).not.toContain(key)
    await database.close()
    const logs = [...one.log, ...other.log].join('\n')
    for (const secret of [key, 'a secret prompt', 'hello']) expect(logs).not.toContain(secret)
  })

  test('what a client had is counted, also of one that leaves before the end', async () => {
    const { url, common } = await start()
    const database = await openGatewayDatabase(common)
    const { id, key } = await newKey(database, 'one that leaves')
    for (const operator of operators)
      operator.behave((_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (let piece = 0; piece < 20; piece++) response.write(`data: {"piece":${piece}}\n\n`)
      })
    for (const type of ['application/json', 'application/vnd.nacre.sealed']) {
      const left = new AbortController()
      const answer = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': type,
          'x-nacre-enclave': operators[0].receiptKey,
        },
        body: JSON.stringify(CHAT),
        signal: left.signal,
      })
      let text = ''
      for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
        text += piece
        if (text.includes('19')) break
      }
      left.abort()
    }
    const used = await eventually(async () => {
      const listed = (await listKeys(database)).find(one => one.id === id)
      return listed?.requests === 2 ? listed : undefined
    })
    expect(used.units).toBe(20)
    expect(used.sealedBytes).toBeGreaterThan(JSON.stringify(CHAT).length + 20 * 18)
    await database.close()
  })

  /** A stream whose receipt has 34 units. */
  async function streamed(url: string, authorization: string): Promise<void> {
    const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'small' }
    for (const operator of operators)
      operator.behave((_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (let piece = 0; piece < 300; piece++)
          response.write(`data: ${JSON.stringify({ ...head, piece })}\n\n`)
        response.write(receiptEvent(head, proofOf(34n)))
        response.end(STREAM_END)
      })
    const answer = await ask(url, { authorization })
    expect(await answer.text()).toContain('[DONE]')
  }
})

type Report = { signing_address: string; evidenceNonce: string; attestations: Report[] }

async function start(changes: Record<string, unknown> = {}): Promise<Running> {
  const config = parseConfig(
    gatewayConfig,
    {
      operators: operators.map(({ url }) => url),
      databaseUrl: server.databaseUrl,
      keys: { required: false },
      pollMs: 200,
      logLevel: 'debug',
      ...changes,
    },
    'test',
  )
  const log: string[] = []
  const common = createCommon({
    name: 'gateway',
    config,
    logLevel: 'debug',
    log: { write: line => log.push(line) },
  })
  const running = { url: '', common, log }
  gateways.push(running)
  running.url = (await startGateway(common)).url
  return running
}

/** Asks for an answer without an end, and reads nothing of it. */
async function slowReader(url: string): Promise<ClientRequest> {
  const body = JSON.stringify({ ...CHAT, user: 'endless' })
  const call = request(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-length': body.length },
  })
  call.on('error', () => {}).end(body)
  const [response] = await once(call, 'response')
  response.pause().on('error', () => {})
  return call
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code
}

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json()
}

async function healthOf(url: string): Promise<{ ok: boolean; enclaves: unknown[] }> {
  return (await json(`${url}/health`)) as { ok: boolean; enclaves: unknown[] }
}

async function metricsOf(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text()
}
