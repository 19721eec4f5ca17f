import { abiEncode } from './abi.ts'
import type { Hex } from './bytes.ts'
import { keccak256 } from './hash.ts'

/**
 * What the answer costs, and the limit it was made under: units times price, in the token's smallest unit; token zero
 * is the chain's own coin. The limit is signed so that nobody can provoke a failure by naming a smaller one.
 */
export type Usage = {
  units: bigint
  price: bigint
  token: Hex
  /** Longest output that the requester accepts, bytes. */
  maxOutput: number
}

/** @throws NacreError integer-out-of-range, invalid-hex */
export function usageHash(usage: Usage): Hex {
  const { units, price, token, maxOutput } = usage
  return keccak256(
    abiEncode(['uint64', units], ['uint256', price], ['address', token], ['uint32', maxOutput]),
  )
}
