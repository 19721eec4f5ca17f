import { decodePolicyArtifact, type EvidencePolicy, judgeCase, messageOf } from '@nacre/verify'
import type { EngineKind } from './artifactTypes.ts'
import { ATTESTATION_ENGINE } from './engineName.ts'
import { ChannelError } from './errors.ts'
import { refuse } from './refusal.ts'

/**
 * The engine of the image `nacre-attestation`: under the evidence policy that is its artifact it judges cases, with
 * the code that clients verify with, and answers with statements (docs/protocol.md, Verifier enclaves).
 */
export const attestationEngine: EngineKind = {
  name: ATTESTATION_ENGINE,
  async open(artifact) {
    const policy = readPolicy(artifact)
    return {
      input: { media: 'application/cbor' },
      output: { media: 'application/octet-stream' },
      run: async input => {
        const judgement = judgeCase(input, policy)
        return 'statement' in judgement ? judgement.statement : refuse(judgement.code, judgement.detail)
      },
    }
  },
}

function readPolicy(artifact: Uint8Array): EvidencePolicy {
  try {
    return decodePolicyArtifact(artifact)
  } catch (cause) {
    throw new ChannelError('unsupported-model', messageOf(cause), cause)
  }
}
