import { abiEncode } from './abi.ts'
import { type Hex, ZERO_HASH } from './bytes.ts'
import { NacreError } from './errors.ts'
import { keccak256, sha256 } from './hash.ts'

/**
 * What an enclave was started with; limits in bytes. Version 2 names the engine that stands in the place of the image's
 * own, by the SHA-256 of its description (docs/inference.md, Another engine).
 */
export type EnclaveConfig = {
  version: 1 | 2
  chainId: bigint
  registry: Hex
  operator: Hex
  releaseId: Hex
  maxInput: number
  maxOutput: number
  /** In version 2 alone, and never zero. */
  engineHash?: Hex
}

/** The keys made inside an enclave (zero for one it does not have) and its configuration: what evidence binds. */
export type Identity = { version: 1; receiptKey: Hex; tlsKeyHash: Hex; hpkeKey: Hex; configHash: Hex }

/** @throws NacreError integer-out-of-range, invalid-hex, unsupported-version */
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
      ...engineOf(config),
    ),
  )
}

/** @throws NacreError unsupported-version */
function engineOf({ version, engineHash }: EnclaveConfig): ['bytes32', Hex][] {
  const named = engineHash !== undefined && engineHash !== ZERO_HASH
  if (named !== (version === 2) || (version === 1 && engineHash !== undefined))
    throw new NacreError(
      'unsupported-version',
      'a configuration has an engineHash in version 2, and only there',
    )
  return engineHash === undefined ? [] : [['bytes32', engineHash]]
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
