import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import {
  encodeTensor,
  fromHex,
  keccak256,
  measurementsOf,
  recoverSigner,
  sameMeasurement,
  toHex,
  verifySimulated,
  ZERO_ADDRESS,
} from '@nacre/verify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadIndex, modelPath, sampleOf } from '../../models/samples.ts'
import { bootGuest, CONFIG, type Guest } from './machine.ts'

const nonce = () => toHex(randomBytes(32))
const commandLine = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')
const now = () => BigInt(Math.floor(Date.now() / 1000))

let guest: Guest

beforeAll(async () => {
  guest = await bootGuest()
})
afterAll(() => guest.close())

type ModelName = Parameters<typeof modelPath>[0]
const loadModel = async (name: ModelName) => {
  const { sha256 } = loadIndex().find(model => model.name === name)!
  await guest.client.loadArtifact(sha256, readFileSync(modelPath(name)))
  return sha256
}
const ask = (artifact: `0x${string}`, input: Uint8Array, evidence?: `0x${string}`) =>
  guest.client.infer({
    origin: { type: 'client', nonce: nonce() },
    artifact,
    input,
    anchor: { number: 1n, hash: nonce() },
    maxOutput: 8192,
    usage: { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS },
    ...(evidence && { nonce: evidence }),
  })

describe('a guest', () => {
  test('attests the image that was booted: what its manifest names, and no other root’s evidence passes', async () => {
    const challenge = randomBytes(32)
    const { kind, bytes } = await guest.client.attest(toHex(challenge))
    expect(kind).toBe('simulated')
    const options = { root: guest.root.certificate, time: now(), nonce: challenge, maxAge: 60 }
    const { ok, attestation } = verifySimulated(fromHex(bytes), options)
    expect(ok).toBe(true)
    const measured = measurementsOf(guest.image.manifest)
    expect(measured.some(named => sameMeasurement(named, attestation!.measurement))).toBe(true)
  })

  test.each(['iris-ols', 'lenet5'] as const)('%s answers with a receipt of the attested key', async name => {
    const artifact = await loadModel(name)
    const input = encodeTensor(sampleOf(name).input)
    const { identity } = await guest.client.identity()
    const { receipt, signature, output, evidence } = await ask(artifact, input, nonce())
    expect(evidence?.kind).toBe('simulated')
    expect(receipt).toMatchObject({ status: 0, artifact, inputHash: keccak256(input) })
    expect(receipt.outputHash).toBe(keccak256(fromHex(output)))
    const domain = { chainId: CONFIG.chainId, registry: CONFIG.registry }
    expect(recoverSigner(domain, receipt, signature)).toBe(identity.receiptKey)
  })

  test('many calls at a time come back each with its own answer', async () => {
    const artifact = await loadModel('iris-mlp')
    const input = encodeTensor(sampleOf('iris-mlp').input)
    const answers = await Promise.all(Array.from({ length: 16 }, () => ask(artifact, input)))
    expect(new Set(answers.map(({ output }) => output)).size).toBe(1)
    expect(new Set(answers.map(({ signature }) => signature)).size).toBe(16)
  })

  test('an answer and an artifact of megabytes pass the link whole', async () => {
    const bytes = randomBytes(4 * 2 ** 20)
    const refused = guest.client.loadArtifact(toHex(randomBytes(32)), bytes)
    await expect(refused).rejects.toMatchObject({ code: 'artifact-mismatch' })
    const artifact = toHex(new Uint8Array(32).fill(1))
    await expect(ask(artifact, randomBytes(1000))).rejects.toMatchObject({ code: 'unknown-artifact' })
  })

  test('holds no shell, no login and nothing that speaks to a network', () => {
    const paths = guest.image.manifest.files.map(({ path }) => path)
    const programs = paths.filter(path => /(^|\/)(s?bin|guest)\//.test(path) || path === 'init')
    expect(programs.sort()).toEqual(['bin/node', 'guest/bridge.mjs', 'guest/init.mjs', 'init'])
    expect(paths.filter(path => /net\/(?!vmw_vsock)|virtio_net|passwd|shadow/.test(path))).toEqual([])
  })

  test('its console is kept, and says nothing of what was asked', () => {
    const lines = guest.enclave.console()
    expect(lines).toContain('enclave: ready')
    expect(lines.length).toBeLessThanOrEqual(100)
  })

  test('ends with everything that it was made of', async () => {
    // What the process was started with names its folder.
    const [folder] = /[^\0]*\/nacre-qemu-[0-9a-f]{16}(?=\/kernel)/.exec(commandLine(guest.enclave.pid)) ?? []
    expect(existsSync(`${folder}/kernel`)).toBe(true)
    await guest.close()
    expect(existsSync(`/proc/${guest.enclave.pid}`)).toBe(false)
    expect(existsSync(folder!)).toBe(false)
    await expect(guest.enclave.connect()).rejects.toMatchObject({ code: 'guest-unreachable' })
    expect(await guest.enclave.exited).toMatchObject({ signal: 'SIGKILL' })
  })
})
