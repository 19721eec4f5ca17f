import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ANCHOR,
  type LanguageEnclave,
  PRICES,
  startLanguageEnclave,
} from '../../../enclave/test/languageEnclave.ts'
import { policyFor, startTestGateway } from '../../../test/testGateway.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-fetch-'))
const inDir = (name: string) => join(dir, name)
let enclave: LanguageEnclave
let gateway: Awaited<ReturnType<typeof startTestGateway>>

beforeAll(async () => {
  enclave = await startLanguageEnclave()
  await enclave.addModel('tiny')
  await enclave.client.setTerms({ anchor: ANCHOR, prices: PRICES })
  gateway = await startTestGateway([enclave])
  writeFileSync(inDir('policy.json'), JSON.stringify(policyFor([enclave])))
}, 300_000)

afterAll(async () => {
  await gateway?.close()
  await enclave?.close()
  rmSync(dir, { recursive: true })
})

const messages = [{ role: 'user', content: 'what is a ship ?' }]

/** As curl does it: two files. */
async function ask(body: object): Promise<string> {
  const request = JSON.stringify({ model: 'tiny', messages, max_tokens: 6, ...body })
  writeFileSync(inDir('request.json'), request)
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: request,
  })
  const answer = await response.text()
  writeFileSync(inDir('answer'), answer)
  return answer
}

async function nacre(...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
  const main = join(import.meta.dirname, '../main.ts')
  return new Promise(resolve =>
    execFile(process.execPath, [main, 'receipt', ...args, '--json'], (error, stdout) =>
      resolve({ code: Number(error?.code ?? 0), json: JSON.parse(stdout) }),
    ),
  )
}

const fetched = () =>
  nacre('fetch', '--request', inDir('request.json'), '--answer', inDir('answer'), '--gateway', gateway.url)
const verified = () => nacre('verify', inDir('answer.receipt.json'), '--policy', inDir('policy.json'))

test.each([
  ['a body', {}],
  ['a stream', { stream: true }],
])('%s that came by another client has its receipt, and it verifies', async (_, body) => {
  await ask(body)
  expect(await fetched()).toMatchObject({ code: 0, json: { file: inDir('answer.receipt.json') } })
  expect(await verified()).toMatchObject({ code: 0, json: { ok: true } })
})

test('an answer that was changed on its way has a receipt that does not verify', async () => {
  const answer = await ask({})
  writeFileSync(inDir('answer'), answer.replace('"role":"assistant"', '"role":"assistent"'))
  expect((await fetched()).code).toBe(0)
  const { code, json } = await verified()
  const failed = (json.checks as { name: string; ok: boolean }[]).filter(check => !check.ok)
  expect([code, failed.map(({ name }) => name)]).toEqual([1, ['output']])
})

test('what is no answer is told', async () => {
  writeFileSync(inDir('answer'), '{"error":{}}')
  expect(await fetched()).toMatchObject({ code: 2, json: { error: { code: 'bad-file' } } })
})
