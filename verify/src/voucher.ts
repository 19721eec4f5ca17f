import { abiEncode } from './abi.ts'
import type { Hex } from './bytes.ts'
import type { CryptoProvider, SignSecp256k1 } from './crypto.ts'
import { keccak256 } from './hash.ts'
import { digestOf, recoverDigest, separatorOf, signDigest, type TypedFields } from './typedData.ts'

/** What money was reserved for (docs/protocol.md, Vouchers and batches; contracts: `IBalances.Terms`). */
export type ReservationTerms = {
  payer: Hex
  /** Key of the vouchers: the payer's own, or another, so that a contract can pay. */
  signer: Hex
  operator: Hex
  /** Zero is the chain's own coin. */
  token: Hex
  releaseId: Hex
  /** 1 simulated, 2 tee. */
  assurance: number
  salt: bigint
}

/** The chain and the contract that hold the money. */
export type BalancesDomain = { chainId: bigint; balances: Hex }

/** A payer's word: for the answer to this request, from this reservation, at most so much. */
export type Voucher = {
  /** Of the reservation. */
  reservation: Hex
  /** Each is paid once; a higher one must have been signed later. */
  index: bigint
  requestId: Hex
  artifact: Hex
  inputHash: Hex
  /** The limit that the answer is made under, bytes: nobody can be paid for failures that a smaller one provokes. */
  maxOutput: number
  maxPrice: bigint
}

/** Highest index of a voucher: beyond it, its successor would not be a safe integer in JSON. */
export const MAX_INDEX: bigint = 2n ** 53n - 2n

export const VOUCHER_FIELDS: TypedFields<Voucher> = [
  ['reservation', 'bytes32'],
  ['index', 'uint64'],
  ['requestId', 'bytes32'],
  ['artifact', 'bytes32'],
  ['inputHash', 'bytes32'],
  ['maxOutput', 'uint32'],
  ['maxPrice', 'uint256'],
]

const digest = digestOf<Voucher>('Voucher', VOUCHER_FIELDS)

/** The reservation's id; it covers every term. @throws NacreError integer-out-of-range, invalid-hex */
export function reservationId({ chainId, balances }: BalancesDomain, terms: ReservationTerms): Hex {
  return keccak256(
    abiEncode(
      ['uint256', chainId],
      ['address', balances],
      ['address', terms.payer],
      ['address', terms.signer],
      ['address', terms.operator],
      ['address', terms.token],
      ['bytes32', terms.releaseId],
      ['uint8', terms.assurance],
      ['uint64', terms.salt],
    ),
  )
}

/** EIP-712 digest, in the domain of the contract that pays. @throws NacreError integer-out-of-range, invalid-hex */
export function voucherDigest({ chainId, balances }: BalancesDomain, voucher: Voucher): Hex {
  return digest(separatorOf(chainId, balances), voucher)
}

/**
 * Signs: 65 bytes r|s|v, low-s. A wallet signs the same typed data.
 * @throws NacreError invalid-key, integer-out-of-range, invalid-hex
 */
export function signVoucher(
  domain: BalancesDomain,
  voucher: Voucher,
  privateKey: Uint8Array,
  sign?: SignSecp256k1,
): Hex {
  return signDigest(voucherDigest(domain, voucher), privateKey, sign)
}

/** Address that signed, lower-case. @throws NacreError invalid-signature, integer-out-of-range, invalid-hex */
export function recoverVoucherSigner(
  domain: BalancesDomain,
  voucher: Voucher,
  signature: Hex,
  crypto?: Pick<CryptoProvider, 'recoverSecp256k1'>,
): Hex {
  return recoverDigest('voucher', voucherDigest(domain, voucher), signature, crypto)
}
