import type { Hex } from './bytes.ts'
import type { CryptoProvider, SignSecp256k1 } from './crypto.ts'
import { digestOf, recoverDigest, separatorOf, signDigest, type TypedFields } from './typedData.ts'

/** Facts that an enclave signs about one answer (docs/protocol.md, Receipt; contracts: `Receipt`). */
export type Receipt = {
  version: number
  requestId: Hex
  releaseId: Hex
  configHash: Hex
  artifact: Hex
  inputHash: Hex
  outputHash: Hex
  parametersHash: Hex
  usageHash: Hex
  status: number
  sequence: bigint
  anchorNumber: bigint
  anchorHash: Hex
  parentsRoot: Hex
  extensionsRoot: Hex
}

/** Chain and enclave registry that a receipt is for. */
export type Domain = { chainId: bigint; registry: Hex }

export const STATUS = { ok: 0, badInput: 1, limitExceeded: 2, engineFailed: 3 } as const

/** Fields and types in the order of the EIP-712 type. */
export const RECEIPT_FIELDS: TypedFields<Receipt> = [
  ['version', 'uint16'],
  ['requestId', 'bytes32'],
  ['releaseId', 'bytes32'],
  ['configHash', 'bytes32'],
  ['artifact', 'bytes32'],
  ['inputHash', 'bytes32'],
  ['outputHash', 'bytes32'],
  ['parametersHash', 'bytes32'],
  ['usageHash', 'bytes32'],
  ['status', 'uint8'],
  ['sequence', 'uint64'],
  ['anchorNumber', 'uint64'],
  ['anchorHash', 'bytes32'],
  ['parentsRoot', 'bytes32'],
  ['extensionsRoot', 'bytes32'],
]

const digest = digestOf<Receipt>('Receipt', RECEIPT_FIELDS)

/** EIP-712 domain separator of all that enclaves of a registry sign. @throws NacreError integer-out-of-range, invalid-hex */
export function domainSeparator(domain: Domain): Hex {
  return separatorOf(domain.chainId, domain.registry)
}

/** The receipt's id: its EIP-712 digest. @throws NacreError integer-out-of-range, invalid-hex */
export function receiptId(domain: Domain, receipt: Receipt): Hex {
  return digest(domainSeparator(domain), receipt)
}

/**
 * Signs: 65 bytes r|s|v, low-s. `sign` may replace noble by a faster library, or one in constant time.
 * @throws NacreError invalid-key, integer-out-of-range, invalid-hex
 */
export function signReceipt(
  domain: Domain,
  receipt: Receipt,
  privateKey: Uint8Array,
  sign?: SignSecp256k1,
): Hex {
  return signDigest(receiptId(domain, receipt), privateKey, sign)
}

/**
 * Address that signed, lower-case.
 * @throws NacreError invalid-signature (size, v, high-s, no such point), integer-out-of-range, invalid-hex
 */
export function recoverSigner(
  domain: Domain,
  receipt: Receipt,
  signature: Hex,
  crypto?: Pick<CryptoProvider, 'recoverSecp256k1'>,
): Hex {
  return recoverDigest('receipt', receiptId(domain, receipt), signature, crypto)
}
