import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { channelAgent } from '../../../host/src/channelAgent.ts'
import { tinyModel } from '../../../models/gguf/tiny.ts'
import { ANCHOR, type LanguageEnclave, PRICES, startLanguageEnclave } from '../../test/languageEnclave.ts'
import { readInferenceOptions } from './startOptions.ts'

let started: LanguageEnclave
let folder: string
const model = tinyModel()
const artifact: Hex = hashOf(model)

beforeAll(async () => {
  started = await startLanguageEnclave()
  folder = await mkdtemp(join(tmpdir(), 'nacre-channel-'))
}, 120_000)

afterAll(async () => {
  await started?.close()
  await rm(folder, { recursive: true, force: true })
})

function hashOf(bytes: Uint8Array): Hex {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}

async function load(id: string, digest: Hex, bytes: Uint8Array) {
  const file = join(folder, 'model.gguf')
  await writeFile(file, bytes)
  return await started.client.loadModel({ id, artifact: digest, file, size: bytes.length })
}

/** Files of models that the enclave has, seen through its process. */
function filesInside(): string[] {
  const tmp = `/proc/${started.enclave.pid}/root/tmp`
  const folders = readdirSync(tmp).filter(name => name.startsWith('nacre-models-'))
  return folders.flatMap(name => readdirSync(join(tmp, name)))
}

async function call(
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; code?: string }> {
  const agent = channelAgent(started.enclave.connect)
  const sent = request({
    agent,
    method: 'POST',
    path,
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
  })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  agent.destroy()
  return { status: response.statusCode ?? 0, code: JSON.parse(Buffer.concat(chunks).toString()).error?.code }
}

test('a file whose digest is another is refused, and nothing is left of it', async () => {
  await expect(load('tiny', hashOf(Buffer.from('other')), model)).rejects.toMatchObject({
    code: 'artifact-mismatch',
  })
  await expect(load('tiny', hashOf(Buffer.from('GGUF')), Buffer.from('GGUF'))).rejects.toMatchObject({
    code: 'unsupported-model',
  })
  expect(filesInside()).toEqual([])
})

test('a model is taken, under several names and again; a name stays with its artifact', async () => {
  const facts = { contextLength: 512, chat: true }
  for (const id of ['tiny', 'org/tiny:q8', 'tiny'])
    expect(await load(id, artifact, model)).toEqual({ artifact, size: model.length, model: { id, ...facts } })
  const other = tinyModel({ seed: 9 })
  await expect(load('tiny', hashOf(other), other)).rejects.toMatchObject({ code: 'malformed-job' })
  expect(filesInside()).toEqual([`${artifact.slice(2)}.gguf`])
})

test('headers, terms and calls that this image does not have', async () => {
  const named = { 'x-artifact': artifact }
  expect(await call('/v1/artifacts', named)).toEqual({ status: 400, code: 'malformed-job' })
  expect(await call('/v1/artifacts', { ...named, 'x-model': 'a b' })).toEqual({
    status: 400,
    code: 'malformed-job',
  })
  expect(await call('/v1/artifacts', { 'x-model': 'a' })).toEqual({ status: 400, code: 'malformed-job' })
  expect(await call('/v1/infer', {})).toEqual({ status: 404, code: 'unknown-route' })
  const bad = [
    {},
    { anchor: ANCHOR },
    { anchor: { number: 7, hash: ANCHOR.hash }, prices: { ...PRICES, prompt: '-1' } },
  ]
  for (const terms of bad)
    expect(
      await call(
        '/v1/terms',
        {},
        JSON.stringify({ ...terms }, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
      ),
    ).toEqual({ status: 400, code: 'malformed-job' })
  expect(await call('/v1/terms', {}, '{')).toEqual({ status: 400, code: 'malformed-json' })
  await started.client.setTerms({ anchor: ANCHOR, prices: PRICES })
})

test('start options: the limits of inference are needed and bound', () => {
  const { chainId, ...config } = started.config
  const options = {
    version: 1,
    config: { ...config, chainId: Number(chainId) },
    evidence: 'tdx',
    sockets: { channel: '/run/nacre/enclave.sock' },
    engine: { maxArtifacts: 1, maxArtifactBytes: 1 },
    inference: { sequences: 1, contextSize: 512, threads: 1, queue: 0 },
  }
  const read = (changed: object) => {
    const file = join(folder, 'config.json')
    writeFileSync(file, JSON.stringify({ ...options, ...changed }))
    return readInferenceOptions(file)
  }
  expect(read({}).inference).toEqual(options.inference)
  const wrong = [
    { inference: undefined },
    { inference: { ...options.inference, sequences: 65 } },
    { inference: { ...options.inference, batch: 1 } },
    { config: { ...options.config, maxOutput: 8191 } },
    { extra: 1 },
  ]
  for (const changed of wrong)
    expect(() => read(changed)).toThrow(expect.objectContaining({ code: 'invalid-config' }))
})

test('with the enclave its files are gone', async () => {
  const own = await startLanguageEnclave()
  await own.addModel('tiny')
  const { pid } = own.enclave
  await own.close()
  expect(existsSync(`/proc/${pid}/root/tmp`)).toBe(false)
})
