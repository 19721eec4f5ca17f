import { createHash } from 'node:crypto'
import {
  decodeTensor,
  encodeTensor,
  fromHex,
  type Hex,
  keccak256,
  manifestHash,
  recoverSigner,
  releaseId,
  requestId,
  type Tensor,
  toHex,
  userData,
} from '@nacre/verify'
import { verifySimulated } from '@nacre/verify/attest/simulated'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { ENDLESS, encodeModel, GATHER, LINEAR, LOGARITHM } from '../../../enclave/test/onnxModel.ts'
import { createEnclaveClient, type EnclaveClient, type InferJob } from '../enclaveClient.ts'
import { createRoot } from '../nsm/root.ts'
import type { LaunchOptions, RunningEnclave } from './driver.ts'
import { type Image, loadImage } from './image.ts'
import { simulatedDriver } from './simulated.ts'

const PUBLISHER: Hex = `0x${'aa'.repeat(20)}`
const DOMAIN = { chainId: 31_337n, registry: `0x${'bb'.repeat(20)}` as Hex }
const USAGE = { units: 1n, price: 1000n, errorPrice: 10n, token: `0x${'00'.repeat(20)}` as Hex }
const ANCHOR = { number: 7n, hash: `0x${'cc'.repeat(32)}` as Hex }
const root = createRoot()
const linear = encodeModel(LINEAR)
const gather = encodeModel(GATHER)
const logarithm = encodeModel(LOGARITHM)

let image: Image
let enclave: RunningEnclave
let client: EnclaveClient
let nonces = 0
const log: string[] = []

beforeAll(async () => {
  image = await loadImage((await buildImage()).dir)
  enclave = await simulatedDriver.launch(image, launchOptions({ onLog: line => log.push(line) }))
  client = createEnclaveClient({ connect: enclave.connect })
  for (const model of [linear, gather, logarithm]) await client.loadArtifact(hashOf(model), model)
})

afterAll(async () => {
  client?.close()
  await enclave?.terminate()
})

function launchOptions(extra: Partial<LaunchOptions> = {}): LaunchOptions {
  const release = releaseId(PUBLISHER, manifestHash(image.manifest))
  const config = { version: 1 as const, ...DOMAIN, operator: PUBLISHER, releaseId: release }
  return { config: { ...config, maxInput: 4096, maxOutput: 1024 }, root, ...extra }
}

function hashOf(bytes: Uint8Array): Hex {
  return toHex(createHash('sha256').update(bytes).digest())
}

const floats = (dims: number[], fill: number): Tensor => ({
  dtype: 'float32',
  dims,
  data: new Float32Array(dims.reduce((product, dim) => product * dim, 1)).fill(fill),
})

function jobOf(input: Tensor | Uint8Array, extra: Partial<InferJob> = {}): InferJob {
  return {
    origin: { type: 'client', nonce: freshNonce() },
    artifact: hashOf(linear),
    input: input instanceof Uint8Array ? input : encodeTensor(input),
    anchor: ANCHOR,
    maxOutput: 1024,
    usage: USAGE,
    ...extra,
  }
}

function freshNonce(): Hex {
  return keccak256(Buffer.from(`nonce ${nonces++}`))
}

function textOf(output: Hex): string {
  return Buffer.from(fromHex(output)).toString('utf8')
}

describe('attested answers', () => {
  test('the first answer verifies: evidence, identity, signature, output', async () => {
    const { identity, config, engine } = await client.identity()
    const nonce = freshNonce()
    const job = jobOf(floats([2, 4], 1), { nonce })
    const answer = await client.infer(job)
    const time = BigInt(Math.floor(Date.now() / 1000))
    const verdict = verifySimulated(fromHex(answer.evidence!.bytes), {
      root: root.certificate,
      time,
      nonce: fromHex(nonce),
      maxAge: 60,
    })
    expect(verdict.checks.filter(check => !check.ok)).toEqual([])
    expect(verdict.attestation?.userData).toBe(userData(identity))
    expect(verdict.attestation?.measurement).toEqual(await simulatedDriver.measure(image))
    expect(recoverSigner(DOMAIN, answer.receipt, answer.signature)).toBe(identity.receiptKey)
    expect(answer.receipt).toMatchObject({
      version: 1,
      status: 0,
      requestId: requestId(DOMAIN.chainId, job.origin),
      releaseId: config.releaseId,
      configHash: identity.configHash,
      artifact: hashOf(linear),
      anchorNumber: 7n,
    })
    expect(answer.receipt.inputHash).toBe(keccak256(job.input as Uint8Array))
    expect(answer.receipt.outputHash).toBe(keccak256(fromHex(answer.output)))
    expect(answer.parameters).toEqual({ engine, seed: 0n })
    expect(answer.usage).toEqual({ units: 1n, price: 1000n, token: USAGE.token, maxOutput: 1024 })
    const { dims, data } = decodeTensor(fromHex(answer.output))
    expect({ dims, data: [...data] }).toEqual({ dims: [2, 3], data: [9, 11, 13, 9, 11, 13] })
  })

  test('evidence is made for the nonce that was sent', async () => {
    const evidence = fromHex((await client.attest('0x01')).bytes)
    const options = { root: root.certificate, time: BigInt(Math.floor(Date.now() / 1000)), maxAge: 60 }
    const failed = verifySimulated(evidence, { ...options, nonce: fromHex('0x02') }).checks.filter(c => !c.ok)
    expect(verifySimulated(evidence, { ...options, nonce: fromHex('0x01') }).ok).toBe(true)
    expect(failed.map(check => check.name)).toContain('evidence-nonce')
  })

  test('the sequence of a key grows by one with every answer', async () => {
    const first = await client.infer(jobOf(floats([1, 4], 2)))
    const refused = await client.infer(jobOf(floats([1, 5], 2)))
    const third = await client.infer(jobOf(floats([1, 4], 3)))
    expect(refused.receipt.sequence).toBe(first.receipt.sequence + 1n)
    expect(third.receipt.sequence).toBe(first.receipt.sequence + 2n)
  })

  test('a model says what it takes and gives', async () => {
    expect(await client.loadArtifact(hashOf(linear), linear)).toEqual({
      artifact: hashOf(linear),
      size: linear.length,
      input: { dtype: 'float32', dims: [-1, 4] },
      output: { dtype: 'float32', dims: [-1, 3] },
    })
  })
})

test('the engine starts no telemetry, and the enclave says nothing but that it is ready', async () => {
  await client.infer(jobOf(floats([1, 4], 1)))
  expect(log.filter(line => !line.startsWith('WARNING: '))).toEqual(['enclave: ready'])
})

describe('repeats', () => {
  test('a repeated job gets the receipt that exists, with fresh evidence', async () => {
    const job = jobOf(floats([1, 4], 4))
    const [first, both] = await Promise.all([client.infer(job), client.infer({ ...job, nonce: '0x05' })])
    const again = await client.infer(job)
    expect(again).toEqual(first)
    expect(both.receipt).toEqual(first.receipt)
    expect(both.evidence).toBeDefined()
  })

  test('another job for the same request is refused', async () => {
    const origin = { type: 'relay', relay: PUBLISHER, consumer: PUBLISHER, nonce: 3n } as const
    const job = jobOf(floats([1, 4], 5), { origin })
    const first = await client.infer(job)
    const changes: Partial<InferJob>[] = [
      { input: encodeTensor(floats([1, 4], 6)) },
      { artifact: hashOf(gather) },
      { usage: { ...USAGE, price: 1001n } },
      { maxOutput: 1 },
    ]
    for (const change of changes) {
      await expect(client.infer({ ...job, ...change })).rejects.toMatchObject({ code: 'conflicting-job' })
    }
    expect(await client.infer(job)).toEqual(first)
  })

  test('a request that a reorganisation moved is answered for its new block', async () => {
    const origin = { type: 'relay', relay: PUBLISHER, consumer: PUBLISHER, nonce: 4n } as const
    const job = jobOf(floats([1, 4], 5), { origin })
    const moved = { ...job, anchor: { number: 8n, hash: `0x${'dd'.repeat(32)}` as Hex } }
    const [first, second] = [await client.infer(job), await client.infer(moved)]
    expect(second.receipt.requestId).toBe(first.receipt.requestId)
    expect(second.receipt.anchorHash).not.toBe(first.receipt.anchorHash)
    expect(second.output).toBe(first.output)
  })
})

describe('error answers carry a receipt', () => {
  const nan = { ...floats([1, 4], 0), data: Float32Array.of(0, Number.NaN, 0, 0) }
  const indices: Tensor = { dtype: 'int64', dims: [1], data: BigInt64Array.of(7n) }
  const cases: [string, () => InferJob, number, RegExp][] = [
    ['not a tensor', () => jobOf(Uint8Array.of(1, 2, 3)), 1, /^malformed-tensor: /],
    ['empty', () => jobOf(new Uint8Array(0)), 1, /^malformed-tensor: /],
    [
      'wrong dtype',
      () => jobOf({ dtype: 'uint8', dims: [1, 4], data: new Uint8Array(4) }),
      1,
      /^wrong-dtype: /,
    ],
    ['wrong shape', () => jobOf(floats([1, 5], 0)), 1, /^wrong-shape: /],
    ['wrong rank', () => jobOf(floats([4], 0)), 1, /^wrong-shape: /],
    ['NaN', () => jobOf(nan), 1, /^not-finite: /],
    ['input over the limit', () => jobOf(floats([300, 4], 0)), 2, /^input-limit: 4811 bytes, at most 4096/],
    [
      'output over the job',
      () => jobOf(floats([1, 4], 0), { maxOutput: 22 }),
      2,
      /^output-limit: 23 bytes, at most 22/,
    ],
    ['output over the limit', () => jobOf(floats([100, 4], 0), { maxOutput: 4096 }), 2, /^output-limit: /],
    ['engine error', () => jobOf(indices, { artifact: hashOf(gather) }), 3, /^engine-failed: /],
    ['NaN output', () => jobOf(floats([1], -1), { artifact: hashOf(logarithm) }), 3, /^engine-failed: /],
  ]
  test.each(cases)('%s', async (_, job, status, text) => {
    const { identity } = await client.identity()
    const { receipt, signature, output, usage } = await client.infer(job())
    expect(receipt.status).toBe(status)
    expect(textOf(output)).toMatch(text)
    expect(fromHex(output).length).toBeLessThanOrEqual(256)
    expect(receipt.outputHash).toBe(keccak256(fromHex(output)))
    expect(usage.price).toBe(status === 3 ? 0n : USAGE.errorPrice)
    expect(recoverSigner(DOMAIN, receipt, signature)).toBe(identity.receiptKey)
  })
})

describe('refusals without a receipt', () => {
  test('unknown artifact', async () => {
    const job = jobOf(floats([1, 4], 0), { artifact: `0x${'ee'.repeat(32)}` })
    await expect(client.infer(job)).rejects.toMatchObject({ code: 'unknown-artifact', retryable: false })
  })

  test('an artifact whose bytes have another hash', async () => {
    const load = client.loadArtifact(hashOf(linear), gather)
    await expect(load).rejects.toMatchObject({ code: 'artifact-mismatch' })
  })

  const float = (name: string) => ({ name, element: 'float32' as const, dims: ['batch', 4] })
  const external = { ...LINEAR.constants![0]!, external: '/etc/passwd' }
  const models: [string, Uint8Array][] = [
    ['not ONNX', Buffer.from('not a model')],
    ['empty', new Uint8Array(0)],
    ['external data', encodeModel({ ...LINEAR, constants: [external] })],
    ['two inputs', encodeModel({ ...LINEAR, inputs: [float('x'), float('z')] })],
    ['a free inner dimension', encodeModel({ ...LOGARITHM, inputs: [{ ...float('x'), dims: [4, 'n'] }] })],
    [
      'an unknown operator',
      encodeModel({ ...LOGARITHM, nodes: [{ operator: 'Nope', inputs: ['x'], outputs: ['y'] }] }),
    ],
  ]
  test.each(models)('a model that is %s', async (_, model) => {
    const load = client.loadArtifact(hashOf(model), model)
    await expect(load).rejects.toMatchObject({ code: 'unsupported-model' })
  })

  test('malformed jobs', async () => {
    const job = jobOf(floats([1, 4], 0))
    const wrong: unknown[] = [
      { ...job, input: 'zz' },
      { ...job, extra: 1 },
      { ...job, anchor: undefined },
      { ...job, nonce: '0x' },
      { ...job, nonce: `0x${'00'.repeat(65)}` },
      { ...job, maxOutput: -1 },
      { ...job, origin: { type: 'other' } },
      { ...job, usage: { ...USAGE, price: -1n } },
    ]
    for (const value of wrong) {
      await expect(client.infer(value as InferJob)).rejects.toMatchObject({ code: 'malformed-job' })
    }
  })
})

describe('starting and ending', () => {
  test('the probe needs no image, and says how enclaves would run', async () => {
    const { ok, detail, fix } = await simulatedDriver.probe()
    expect(ok).toBe(true)
    expect(detail).toMatch(/bubblewrap/)
    expect(fix === undefined).toBe(enclave.sandboxed)
    expect(enclave.console()).toContain('enclave: ready')
  })

  test('two launches have different keys, and limits hold', async () => {
    const limited = launchOptions({ engine: { maxArtifacts: 1, maxArtifactBytes: linear.length } })
    const other = await simulatedDriver.launch(image, limited)
    const second = createEnclaveClient({ connect: other.connect })
    try {
      const keys = [await client.identity(), await second.identity()].map(
        answer => answer.identity.receiptKey,
      )
      expect(keys[0]).not.toBe(keys[1])
      await second.loadArtifact(hashOf(linear), linear)
      await expect(second.loadArtifact(hashOf(gather), gather)).rejects.toMatchObject({
        code: 'artifact-limit',
      })
      expect((await second.infer(jobOf(floats([1, 4], 1)))).receipt.sequence).toBe(1n)
    } finally {
      second.close()
      await other.terminate()
    }
    expect(await other.exited).toEqual({ code: 0, signal: null })
  })

  test('a model that does not end keeps neither health from answering nor the enclave from ending', async () => {
    const other = await simulatedDriver.launch(image, launchOptions())
    const second = createEnclaveClient({ connect: other.connect })
    const endless = encodeModel(ENDLESS)
    await second.loadArtifact(hashOf(endless), endless)
    const stuck = second.infer(jobOf(floats([1], 1), { artifact: hashOf(endless) }))
    const failed = expect(stuck).rejects.toMatchObject({ code: 'unreachable' })
    // The second call is answered after the first was taken: both go through one process, in order.
    await expect(second.infer(jobOf(floats([1, 4], 1)))).rejects.toMatchObject({ code: 'unknown-artifact' })
    await second.health()
    await second.attest('0x01')
    await other.terminate()
    await failed
    second.close()
    expect(await other.exited).toEqual({ code: 0, signal: null })
  })

  test.each(['auto', 'none'] as const)('a killed enclave is noticed (sandbox: %s)', async sandbox => {
    const [lines, warnings]: string[][] = [[], []]
    const other = await simulatedDriver.launch(
      image,
      launchOptions({
        sandbox,
        onLog: line => lines?.push(line),
        onWarning: text => warnings?.push(text),
      }),
    )
    process.kill(other.pid, 'SIGKILL')
    expect(await other.exited).toEqual({ code: null, signal: 'SIGKILL' })
    await other.terminate()
    const gone = createEnclaveClient({ connect: other.connect })
    await expect(gone.health()).rejects.toMatchObject({ code: 'unreachable', retryable: true })
    expect([lines, warnings?.length]).toEqual([['enclave: ready'], other.sandboxed ? 0 : 1])
  })

  test('a configuration that the program refuses is an error that quotes it', async () => {
    const { config, ...rest } = launchOptions()
    const launch = simulatedDriver.launch(image, { ...rest, config: { ...config, maxInput: 2 ** 31 } })
    await expect(launch).rejects.toMatchObject({
      code: 'launch-failed',
      message: expect.stringContaining('maxInput'),
    })
  })
})
