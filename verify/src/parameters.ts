import { abiEncode } from './abi.ts'
import { type Hex, utf8 } from './bytes.ts'
import { keccak256 } from './hash.ts'

/** What the answer depends on beside artifact and input; seed 0 for a deterministic engine. */
export type Parameters = { engine: string; seed: bigint }

/** @throws NacreError integer-out-of-range */
export function parametersHash(parameters: Parameters): Hex {
  const engine = keccak256(utf8(parameters.engine))
  return keccak256(abiEncode(['uint16', 1], ['bytes32', engine], ['uint256', parameters.seed]))
}
