import { type EnclaveConfig, type Hex, ZERO_HASH } from '@nacre/verify'

/** A configuration as `EnclaveRegistry.register` takes it: chain and registry are the contract's own. */
export function configOnChain({ operator, releaseId, maxInput, maxOutput, engineHash }: EnclaveConfig): {
  operator: Hex
  releaseId: Hex
  maxInput: number
  maxOutput: number
  engineHash: Hex
} {
  return { operator, releaseId, maxInput, maxOutput, engineHash: engineHash ?? ZERO_HASH }
}
