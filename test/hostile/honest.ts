import type { EnclaveAnswer, InferJob } from '@nacre/host/enclaveClient'
import {
  encodeTensor,
  fromHex,
  type Hex,
  keccak256,
  recoverSigner,
  sha256,
  userData,
  verifySimulated,
  ZERO_ADDRESS,
} from '@nacre/verify'
import { expect } from 'vitest'
import { encodeModel, LINEAR } from '../../enclave/test/onnxModel.ts'
import { CONFIG, memoryOf, nonce, SECRET, type Target } from './target.ts'

/** What an enclave was and said before it was attacked. */
export type Honest = { model: Hex; job: InferJob; first: EnclaveAnswer; receiptKey: Hex; megabytes: number }

const MODEL = encodeModel(LINEAR)
const INPUT = encodeTensor({ dtype: 'float32', dims: [1, 4], data: Float32Array.of(1, 2, 3, 4) })
/** What buffers, windows and a garbage collector that is not in a hurry may hold; what leaks per attack is more. */
const MOST_MEGABYTES = 250

export const jobOf = (artifact: Hex): InferJob => ({
  origin: { type: 'client', nonce: nonce() },
  artifact,
  input: INPUT,
  anchor: { number: 1n, hash: nonce() },
  maxOutput: 8192,
  usage: { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS },
})

/** Before any attack: loads a model and has it answer once. */
export async function begin({ client, pids }: Target): Promise<Honest> {
  const model = sha256(MODEL)
  await client.loadArtifact(model, MODEL)
  const { identity } = await client.identity()
  const job = jobOf(model)
  return {
    model,
    job,
    first: await client.infer(job),
    receiptKey: identity.receiptKey,
    megabytes: memoryOf(pids),
  }
}

/**
 * After an attack: the enclave is the one that it was, answers a new job rightly and an old one as before, its evidence
 * is fresh and over its own key, it holds no more memory than is said, and has said nothing that was sent to it. Where a
 * host broke the way to its security module evidence is lost for good, and nothing else.
 */
export async function check(
  target: Target,
  honest: Honest,
  evidence: 'kept' | 'lost' = 'kept',
): Promise<void> {
  const { client, said, pids } = target
  await client.loadArtifact(honest.model, MODEL)
  const { identity, config } = await client.identity()
  expect(identity.receiptKey).toBe(honest.receiptKey)
  expect(config).toEqual(CONFIG)
  const answer = await client.infer(jobOf(honest.model))
  expect(answer.output).toBe(honest.first.output)
  expect(answer.receipt).toMatchObject({ status: 0, artifact: honest.model, inputHash: keccak256(INPUT) })
  expect(answer.receipt.outputHash).toBe(keccak256(fromHex(answer.output)))
  const domain = { chainId: CONFIG.chainId, registry: CONFIG.registry }
  expect(recoverSigner(domain, answer.receipt, answer.signature)).toBe(honest.receiptKey)
  expect(await client.infer(honest.job)).toEqual(honest.first)
  if (evidence === 'kept') expect(await isAttested(target)).toBe(true)
  expect(memoryOf(pids) - honest.megabytes).toBeLessThan(MOST_MEGABYTES)
  expect(said.join('\n')).not.toContain(SECRET)
}

/** Whether it gives evidence that a verifier takes: false is an error, or a document that is refused. */
export async function isAttested({ client, root, pcrs }: Target): Promise<boolean> {
  const challenge = nonce()
  const { identity } = await client.identity()
  const evidence = await client.attest(challenge).catch(() => undefined)
  if (!evidence) return false
  const time = BigInt(Math.floor(Date.now() / 1000))
  try {
    const options = { root: root.certificate, time, nonce: fromHex(challenge), maxAge: 60 }
    const { ok, attestation } = verifySimulated(fromHex(evidence.bytes), options)
    if (!ok) return false
    expect(attestation!.userData).toBe(userData(identity))
    expect(attestation!.measurement.registers).toEqual(pcrs)
    return true
  } catch {
    return false
  }
}
