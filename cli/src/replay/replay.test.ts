import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrivateClient } from '@nacre/sdk'
import {
  type Hex,
  type ReceiptBundle,
  recoverSigner,
  serializeBundle,
  signReceipt,
  toHex,
  utf8,
} from '@nacre/verify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ANCHOR,
  type LanguageEnclave,
  PRICES,
  startLanguageEnclave,
} from '../../../enclave/test/languageEnclave.ts'
import { policyFor, startTestGateway } from '../../../test/testGateway.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-replay-'))
const policyFile = join(dir, 'policy.json')
let enclaves: LanguageEnclave[] = []
let gateway: Awaited<ReturnType<typeof startTestGateway>>
let artifact: Hex

beforeAll(async () => {
  enclaves = [await startLanguageEnclave(), await startLanguageEnclave()]
  for (const enclave of enclaves) {
    artifact = await enclave.addModel('tiny')
    await enclave.client.setTerms({ anchor: ANCHOR, prices: PRICES })
  }
  gateway = await startTestGateway(enclaves)
  writeFileSync(policyFile, JSON.stringify(policyFor(enclaves)))
}, 300_000)

afterAll(async () => {
  await gateway?.close()
  for (const enclave of enclaves) await enclave.close()
  rmSync(dir, { recursive: true })
})

/** The receipt of an answer, in a file. */
async function receiptOf(path: string, body: object): Promise<{ file: string; bundle: ReceiptBundle }> {
  const client = createPrivateClient({
    url: gateway.url,
    policy: policyFor(enclaves),
    models: { tiny: artifact },
  })
  const init = { method: 'POST', body: JSON.stringify({ model: 'tiny', ...body }) }
  const response = await client.fetch(`${client.baseURL}${path}`, init)
  expect([response.status, (await response.text()).slice(0, 300)]).toMatchObject([200, expect.any(String)])
  const bundle = client.lastReceipt as ReceiptBundle
  return { file: saved(bundle), bundle }
}

let files = 0
function saved(bundle: ReceiptBundle): string {
  const file = join(dir, `${++files}.json`)
  writeFileSync(file, serializeBundle(bundle))
  return file
}

async function nacre(...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
  const main = join(import.meta.dirname, '../main.ts')
  return new Promise(resolve =>
    execFile(process.execPath, [main, ...args, '--json'], (error, stdout) =>
      resolve({ code: Number(error?.code ?? 0), json: JSON.parse(stdout) }),
    ),
  )
}

const replay = (file: string, ...args: string[]) =>
  nacre('receipt', 'replay', file, '--gateway', gateway.url, '--policy', policyFile, ...args)

const messages = [{ role: 'user', content: 'what is a ship ?' }]

describe('another enclave', () => {
  test.each<[string, string, object]>([
    ['a chat', '/chat/completions', { messages, max_tokens: 8 }],
    ['a stream', '/chat/completions', { messages, max_tokens: 8, stream: true }],
    ['several choices', '/completions', { prompt: 'a ship is', max_tokens: 6, n: 2, logprobs: 1 }],
    ['embeddings', '/embeddings', { input: ['a', 'b'] }],
  ])('makes %s again, with the seed that was drawn', async (_, path, body) => {
    const { file, bundle } = await receiptOf(path, body)
    const verified = await nacre('receipt', 'verify', file, '--policy', policyFile)
    expect([verified.code, verified.json.ok]).toEqual([0, true])
    const { code, json } = await replay(file, '--other')
    expect(json).toMatchObject({ same: true, enclave: bundle.identity.receiptKey, changed: [] })
    expect(json.enclaveAgain).not.toBe(bundle.identity.receiptKey)
    expect(code).toBe(0)
  })
})

test('what was changed in a file is no receipt any more', async () => {
  const { bundle } = await receiptOf('/completions', { prompt: 'a ship is', max_tokens: 4 })
  const output = toHex(utf8('{"choices":[{"index":0,"text":"never said","finish_reason":"stop"}]}'))
  const { code, json } = await replay(saved({ ...bundle, output }))
  expect([code, json.error]).toMatchObject([2, { code: 'bad-input', why: expect.stringContaining('output') }])
})

test('and neither is what a stranger signed with a key of their own', async () => {
  const { bundle } = await receiptOf('/completions', { prompt: 'a ship is', max_tokens: 4 })
  const receipt = { ...bundle.receipt, sequence: 99n }
  const signature = signReceipt(bundle, receipt, new Uint8Array(32).fill(7))
  const identity = { ...bundle.identity, receiptKey: recoverSigner(bundle, receipt, signature) }
  const { code, json } = await replay(saved({ ...bundle, receipt, signature, identity }))
  expect([code, json.error]).toMatchObject([
    2,
    { code: 'bad-input', why: expect.stringContaining('identity') },
  ])
})
