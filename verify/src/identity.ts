import { abiEncode } from './abi.ts'
import type { Hex } from './bytes.ts'
import { keccak256, sha256 } from './hash.ts'

/** What an enclave was started with; limits in bytes. */
export type EnclaveConfig = {
  version: 1
  chainId: bigint
  registry: Hex
  operator: Hex
  releaseId: Hex
  maxInput: number
  maxOutput: number
}

/** The keys made inside an enclave (zero for one it does not have) and its configuration: what evidence binds. */
export type Identity = { version: 1; receiptKey: Hex; tlsKeyHash: Hex; hpkeKey: Hex; configHash: Hex }

/** @throws NacreError integer-out-of-range, invalid-hex */
export function configHash(config: EnclaveConfig): Hex {
  return keccak256(
    abiEncode(
      ['uint16', config.version],
      ['uint256', config.chainId],
      ['address', config.registry],
      ['address', config.operator],
      ['bytes32', config.releaseId],
      ['uint32', config.maxInput],
      ['uint32', config.maxOutput],
    ),
  )
}

/** User data of the evidence, 32 bytes. @throws NacreError integer-out-of-range, invalid-hex */
export function userData(identity: Identity): Hex {
  return sha256(
    abiEncode(
      ['uint16', identity.version],
      ['address', identity.receiptKey],
      ['bytes32', identity.tlsKeyHash],
      ['bytes32', identity.hpkeKey],
      ['bytes32', identity.configHash],
    ),
  )
}
