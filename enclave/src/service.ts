import type { EnclaveConfig, Hex, Identity } from '@nacre/verify'
import { type Answer, createSigner } from './answer.ts'
import { attest, type Evidence, makeIdentity } from './attest.ts'
import type { StartOptions } from './config.ts'
import { createEngine, type TensorType } from './engine.ts'
import { ENGINE } from './engineName.ts'
import { execute } from './execute.ts'
import type { Job } from './job.ts'
import { makeReceiptKey } from './keys.ts'
import { createMemory } from './memory.ts'
import { securityModule } from './securityModule.ts'

/** What the enclave does, apart from how it is called. */
export type Service = {
  identity(): { identity: Identity; config: EnclaveConfig; engine: string }
  attest(nonce: Hex): Promise<{ evidence: Evidence }>
  loadArtifact(
    artifact: Hex,
    bytes: Uint8Array,
  ): Promise<{ artifact: Hex; size: number; input: TensorType; output: TensorType }>
  infer(job: Job): Promise<Answer & { evidence?: Evidence }>
}

/** An enclave with a fresh key: every start is another enclave. Every call @throws ChannelError. */
export function createService({ config, engine: limits, sockets }: StartOptions): Service {
  const key = makeReceiptKey()
  const identity = makeIdentity(config, key.address)
  const module = securityModule(sockets.securityModule)
  const engine = createEngine(limits)
  const memory = createMemory(config.chainId)
  const sign = createSigner(key, config)
  return {
    identity: () => ({ identity, config, engine: ENGINE }),
    attest: async nonce => ({ evidence: await attest(module, identity, nonce) }),
    async loadArtifact(artifact, bytes) {
      const { size, input, output } = await engine.load(artifact, bytes)
      return { artifact, size, input, output }
    },
    async infer(job) {
      const model = engine.get(job.artifact)
      const evidence = job.nonce === undefined ? undefined : attest(module, identity, job.nonce)
      const answer = memory.recall(job, async () => sign(job, await execute(model, job, config)))
      const [signed, fresh] = await Promise.all([answer, evidence])
      return fresh ? { ...signed, evidence: fresh } : signed
    },
  }
}
