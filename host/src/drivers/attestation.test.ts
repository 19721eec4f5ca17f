import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  decodePolicyArtifact,
  encodePolicyArtifact,
  fromHex,
  type Hex,
  keccak256,
  manifestHash,
  parametersHash,
  recoverSigner,
  releaseId,
  sha256,
  utf8,
  verifierOf,
} from '@nacre/verify'
import { decodeCase } from '@nacre/verify/attest/evidenceCase'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { IMAGES } from '../../../enclave/scripts/images.ts'
import { encodeModel, LINEAR } from '../../../enclave/test/onnxModel.ts'
import { createEnclaveClient, type EnclaveClient, type InferJob } from '../enclaveClient.ts'
import { createRoot } from '../nsm/root.ts'
import type { RunningEnclave } from './driver.ts'
import { type Image, loadImage } from './image.ts'
import { simulatedDriver } from './simulated.ts'

/** The image that judges evidence, as a process: two enclaves of it, with the cases of vectors/statements. */
const VECTORS = join(import.meta.dirname, '../../../vectors/statements')
type Vector = Record<'policy' | 'artifact' | 'case' | 'statement' | 'code' | 'hash', Hex>
const vectors = globSync(`${VECTORS}/*.json`)
  .sort()
  .map(file => [basename(file, '.json'), JSON.parse(readFileSync(file, 'utf8')) as Vector] as const)
const judged = vectors.filter(([, vector]) => vector.case !== undefined)

const DOMAIN = { chainId: 31_337n, registry: `0x${'bb'.repeat(20)}` as Hex }
const OPERATORS: Hex[] = [`0x${'a1'.repeat(20)}`, `0x${'a2'.repeat(20)}`]
const USAGE = { units: 1n, price: 1000n, errorPrice: 10n, token: `0x${'00'.repeat(20)}` as Hex }
const MAX_INPUT = 1_048_576
const root = createRoot()

let image: Image
let nonces = 0
const running: RunningEnclave[] = []
const clients: EnclaveClient[] = []

beforeAll(async () => {
  image = await loadImage(
    (await buildImage(`${import.meta.dirname}/../../../enclave/dist/attestation`, IMAGES.attestation)).dir,
  )
  const release = releaseId(OPERATORS[0]!, manifestHash(image.manifest))
  for (const operator of OPERATORS) {
    const config = { version: 1 as const, ...DOMAIN, operator, releaseId: release }
    const limits = { maxInput: MAX_INPUT, maxOutput: 65_536 }
    const enclave = await simulatedDriver.launch(image, { config: { ...config, ...limits }, root })
    running.push(enclave)
    clients.push(createEnclaveClient({ connect: enclave.connect }))
  }
  const policies = new Map(judged.map(([, { artifact, policy }]) => [artifact, utf8(policy)]))
  for (const client of clients)
    for (const [artifact, policy] of policies) await client.loadArtifact(artifact, policy)
})

afterAll(async () => {
  for (const client of clients) client.close()
  await Promise.all(running.map(enclave => enclave.terminate()))
})

const ask = (client: EnclaveClient, artifact: Hex, input: Uint8Array, extra: Partial<InferJob> = {}) =>
  client.infer({
    origin: { type: 'client', nonce: keccak256(utf8(`nonce ${nonces++}`)) },
    artifact,
    input,
    anchor: { number: 7n, hash: `0x${'cc'.repeat(32)}` },
    maxOutput: 65_536,
    usage: USAGE,
    ...extra,
  })
const textOf = (output: Hex): string => Buffer.from(fromHex(output)).toString('latin1')

describe('cases', () => {
  test.each(judged)(
    '%s: both enclaves say the same, and what the host’s own verifier says',
    async (_, vector) => {
      const input = fromHex(vector.case)
      const answers = await Promise.all(clients.map(client => ask(client, vector.artifact, input)))
      const { tee, evidence, collateral, time } = decodeCase(input)
      const policy = decodePolicyArtifact(utf8(vector.policy))
      const verdict = verifierOf(tee)(evidence, collateral, time, {
        ...policy,
        partial: policy.partial ?? false,
      })
      expect(verdict.code).toBe(vector.code ?? 'ok')
      for (const [i, { receipt, signature, output, parameters }] of answers.entries()) {
        const { identity } = await clients[i]!.identity()
        expect(recoverSigner(DOMAIN, receipt, signature)).toBe(identity.receiptKey)
        expect(parameters).toEqual({ engine: 'nacre-attestation@1', seed: 0n })
        expect(receipt).toMatchObject({
          status: vector.statement ? 0 : 1,
          artifact: vector.artifact,
          inputHash: keccak256(input),
          outputHash: keccak256(fromHex(output)),
          parametersHash: parametersHash(parameters),
        })
        if (vector.statement) expect([output, receipt.outputHash]).toEqual([vector.statement, vector.hash])
        else expect(textOf(output)).toMatch(new RegExp(`^${vector.code}: .+`))
      }
      expect(answers[1]!.output).toBe(answers[0]!.output)
      expect(answers[1]!.receipt.configHash).not.toBe(answers[0]!.receipt.configHash)
    },
  )
})

describe('what is no case is a signed refusal', () => {
  const [, tdx] = judged.find(([name]) => name === 'tdx')!
  const bytes = fromHex(tdx.case)
  const changed = (at: number, byte: number) => Uint8Array.from(bytes, (old, i) => (i === at ? byte : old))
  const inputs: [string, Uint8Array, number, RegExp][] = [
    ['nothing', new Uint8Array(0), 1, /^malformed: /],
    ['no CBOR', Uint8Array.of(0xff), 1, /^malformed: /],
    ['one that is cut short', bytes.subarray(0, -1), 1, /^malformed: /],
    ['one with a byte behind it', Uint8Array.of(...bytes, 0), 1, /^malformed: /],
    ['one of another version', changed(1, 2), 1, /^unsupported: /],
    // `tdx` becomes `udx`.
    ['an unknown TEE', changed(3, 0x75), 1, /^malformed: .*its TEE is none of/],
    ['a tensor', Uint8Array.of(1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), 1, /^malformed: /],
    ['one beyond the limit', new Uint8Array(MAX_INPUT + 1), 2, /^input-limit: /],
    ['one whose evidence is too long', evidenceOf(65_537), 1, /^too-large: /],
    ['evidence that is noise', evidenceOf(5_000), 1, /^(malformed|unsupported): /],
  ]
  test.each(inputs)('%s', async (_, input, status, text) => {
    const { receipt, output, usage } = await ask(clients[0]!, tdx.artifact, input)
    expect(textOf(output)).toMatch(text)
    expect(fromHex(output).length).toBeLessThanOrEqual(256)
    expect(receipt.status).toBe(status)
    expect(usage.price).toBe(USAGE.errorPrice)
  })

  /** A case with so many bytes of evidence. */
  function evidenceOf(length: number): Uint8Array {
    const head = length > 0xffff ? [0x5a, length >> 24, (length >> 16) & 255] : [0x59]
    const [start, end] = [bytes.subarray(0, 6), [0xa0, 0]]
    return Uint8Array.of(
      ...start,
      ...head,
      (length >> 8) & 255,
      length & 255,
      ...new Uint8Array(length),
      ...end,
    )
  }

  test('a statement that the job leaves no room for', async () => {
    const { receipt, output } = await ask(clients[0]!, tdx.artifact, bytes, { maxOutput: 223 })
    expect(receipt.status).toBe(2)
    expect(textOf(output)).toMatch(/^output-limit: 224 bytes, at most 223/)
  })
})

test('artifacts are policies by their hash, and nothing else', async () => {
  const [client] = clients as [EnclaveClient]
  const policy = encodePolicyArtifact({ version: 1, debug: false, maxVmpl: 0 })
  expect(await client.loadArtifact(sha256(policy), policy)).toEqual({
    artifact: sha256(policy),
    size: policy.length,
    input: { media: 'application/cbor' },
    output: { media: 'application/octet-stream' },
  })
  const others = [utf8('{"version":1,"debug":false}'), utf8('{"version":1}'), encodeModel(LINEAR)]
  for (const bytes of others)
    await expect(client.loadArtifact(sha256(bytes), bytes)).rejects.toMatchObject({
      code: 'unsupported-model',
    })
  await expect(client.loadArtifact(sha256(policy), others[0]!)).rejects.toMatchObject({
    code: 'artifact-mismatch',
  })
  await expect(ask(client, sha256(others[0]!), new Uint8Array(0))).rejects.toMatchObject({
    code: 'unknown-artifact',
  })
})

test('the same case again gets the receipt that exists, and another case under its nonce none', async () => {
  const [, { artifact, case: bytes }] = judged.find(([name]) => name === 'snp')!
  const origin = { type: 'client', nonce: keccak256(utf8('a nonce of its own')) } as const
  const first = await ask(clients[0]!, artifact, fromHex(bytes), { origin })
  expect(await ask(clients[0]!, artifact, fromHex(bytes), { origin })).toEqual(first)
  const other = ask(clients[0]!, artifact, new Uint8Array(1), { origin })
  await expect(other).rejects.toMatchObject({ code: 'conflicting-job' })
})
