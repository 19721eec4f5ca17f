import { layoutOf, STRANGER_LIMITS } from '@nacre/proofs/zk/graph/layout'
import { decodeVerifyingKey, type VerifyingKey } from '@nacre/proofs/zk/graph/verifyingKey'
import { attestProof } from '@nacre/proofs/zk/verifier/attest'
import { messageOf, NacreError } from '@nacre/verify'
import type { EngineKind } from './artifactTypes.ts'
import { ZK_ENGINE } from './engineName.ts'
import { ChannelError } from './errors.ts'
import { refuse } from './refusal.ts'

/**
 * The engine of the image `nacre-zk`: with the verifying key that is its artifact it verifies proofs, with the code that clients
 * verify with, and answers with statements (docs/protocol.md, Proofs verified in an enclave).
 */
export const zkEngine: EngineKind = {
  name: ZK_ENGINE,
  async open(artifact) {
    const key = readKey(artifact)
    return {
      input: { media: 'application/octet-stream' },
      output: { media: 'application/octet-stream' },
      run: async input => {
        try {
          return attestProof(input, key, STRANGER_LIMITS)
        } catch (error) {
          if (error instanceof NacreError) refuse(error.code, error.message)
          throw error
        }
      },
    }
  },
}

/** A key within the limits, for one input at least. @throws ChannelError unsupported-model */
function readKey(artifact: Uint8Array): VerifyingKey {
  try {
    const key = decodeVerifyingKey(artifact)
    layoutOf(key.graph, 1, 0, STRANGER_LIMITS)
    return key
  } catch (cause) {
    throw new ChannelError('unsupported-model', messageOf(cause), cause)
  }
}
