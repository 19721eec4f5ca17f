import type { EnclaveConfig, Hex, Identity } from '@nacre/verify'
import type { Evidence } from '@nacre/verify/evidence'
import { type Answer, createSigner } from './answer.ts'
import type { ModelTypes } from './artifactTypes.ts'
import { createAttester, makeIdentity } from './attest/evidence.ts'
import { createProvider, type Places } from './attest/provider.ts'
import type { StartOptions } from './config.ts'
import { createEngine } from './engine.ts'
import { execute } from './execute.ts'
import type { Job } from './job.ts'
import { makeReceiptKey } from './keys.ts'
import { createMemory } from './memory.ts'
import { createTallies, type SignedBatch } from './tally.ts'

/** What the enclave does, apart from how it is called. */
export type Service = {
  identity(): { identity: Identity; config: EnclaveConfig; engine: string }
  attest(nonce: Hex): Promise<{ evidence: Evidence }>
  loadArtifact(artifact: Hex, bytes: Uint8Array): Promise<ModelTypes & { artifact: Hex; size: number }>
  infer(job: Job): Promise<Answer & { evidence?: Evidence; settlement?: SignedBatch }>
}

/**
 * An enclave with a fresh key: every start is another enclave. `engineName` is in its receipts, `program` is the file
 * of main.ts, which is also what the engine's process runs; `places` are a guest's own. Every call @throws ChannelError.
 */
export function createService(
  options: StartOptions,
  engineName: string,
  program: string,
  places?: Places,
): Service {
  const { config, engine: limits, evidence: kind } = options
  const key = makeReceiptKey()
  const identity = makeIdentity(config, key.address)
  const attester = createAttester(kind, createProvider(options, places), identity)
  const engine = createEngine(limits, program)
  const memory = createMemory(config.chainId)
  const sign = createSigner(key, config, engineName)
  const tallies = createTallies(key, config)
  return {
    identity: () => ({ identity, config, engine: engineName }),
    attest: async nonce => ({ evidence: await attester.attest(nonce) }),
    async loadArtifact(artifact, bytes) {
      const { input, output } = await engine.load(artifact, bytes)
      return { artifact, size: bytes.length, input, output }
    },
    async infer(job) {
      const { payment } = job
      if (job.nonce !== undefined) attester.require(job.nonce)
      if (payment) tallies.check({ ...job, payment })
      const model = engine.get(job.artifact)
      const answer = memory.recall(job, async () => sign(job, await execute(engine, model, job, config)))
      // After the job is taken: a refusal must not leave a promise behind that nobody awaits.
      const evidence = job.nonce === undefined ? undefined : attester.attest(job.nonce)
      const [signed, fresh] = await Promise.all([answer, evidence])
      return {
        ...signed,
        ...(fresh && { evidence: fresh }),
        ...(payment && { settlement: tallies.count(payment, signed) }),
      }
    },
  }
}
