import { abiEncode } from './abi.ts'
import type { Hex } from './bytes.ts'
import { keccak256 } from './hash.ts'

/** What the answer costs: units times price, in the token's smallest unit; token zero is the chain's own coin. */
export type Usage = { units: bigint; price: bigint; token: Hex }

/** @throws NacreError integer-out-of-range, invalid-hex */
export function usageHash(usage: Usage): Hex {
  return keccak256(abiEncode(['uint64', usage.units], ['uint256', usage.price], ['address', usage.token]))
}
