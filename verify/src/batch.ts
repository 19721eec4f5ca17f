import { abiEncode } from './abi.ts'
import { fromHex, type Hex } from './bytes.ts'
import type { CryptoProvider, SignSecp256k1 } from './crypto.ts'
import { keccak256 } from './hash.ts'
import { rootFrom } from './merkle.ts'
import { type Domain, domainSeparator } from './receipt.ts'
import { digestOf, recoverDigest, signDigest, type TypedFields } from './typedData.ts'

/** What an enclave signs about many paid answers (docs/protocol.md, Vouchers and batches; contracts: `IBalances.Batch`). */
export type Batch = {
  version: number
  /** Of the reservation that pays. */
  reservation: Hex
  /** Index of the first voucher counted in; that of the last. */
  first: bigint
  last: bigint
  /** Receipts under the root. */
  count: number
  /** Sum of their prices. */
  total: bigint
  root: Hex
  releaseId: Hex
  configHash: Hex
}

/** One answer in a batch. */
export type BatchEntry = { receiptId: Hex; index: bigint; price: bigint }

export const BATCH_VERSION = 1

export const BATCH_FIELDS: TypedFields<Batch> = [
  ['version', 'uint16'],
  ['reservation', 'bytes32'],
  ['first', 'uint64'],
  ['last', 'uint64'],
  ['count', 'uint32'],
  ['total', 'uint256'],
  ['root', 'bytes32'],
  ['releaseId', 'bytes32'],
  ['configHash', 'bytes32'],
]

const digest = digestOf<Batch>('Batch', BATCH_FIELDS)

/** EIP-712 digest, in the domain of receipts. @throws NacreError integer-out-of-range, invalid-hex */
export function batchDigest(domain: Domain, batch: Batch): Hex {
  return digest(domainSeparator(domain), batch)
}

/** Leaf of the batch's tree; hashed twice, so that no pair of hashes is one. @throws NacreError integer-out-of-range, invalid-hex */
export function batchLeaf({ receiptId, index, price }: BatchEntry): Hex {
  const entry = keccak256(abiEncode(['bytes32', receiptId], ['uint64', index], ['uint256', price]))
  return keccak256(fromHex(entry))
}

/** Whether an answer is under a batch's root; that the batch was settled is the contract's to say (`Balances.isSettled`). */
export function isInBatch(root: Hex, entry: BatchEntry, proof: readonly Hex[]): boolean {
  return rootFrom(batchLeaf(entry), proof) === root
}

/** Signs: 65 bytes r|s|v, low-s. @throws NacreError invalid-key, integer-out-of-range, invalid-hex */
export function signBatch(domain: Domain, batch: Batch, privateKey: Uint8Array, sign?: SignSecp256k1): Hex {
  return signDigest(batchDigest(domain, batch), privateKey, sign)
}

/** Address that signed, lower-case. @throws NacreError invalid-signature, integer-out-of-range, invalid-hex */
export function recoverBatchSigner(
  domain: Domain,
  batch: Batch,
  signature: Hex,
  crypto?: Pick<CryptoProvider, 'recoverSecp256k1'>,
): Hex {
  return recoverDigest('batch', batchDigest(domain, batch), signature, crypto)
}
