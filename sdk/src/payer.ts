import { balancesAbi } from '@nacre/contracts'
import {
  type BalancesDomain,
  fromHex,
  type Hex,
  isInBatch,
  keccak256,
  type ReservationTerms,
  requestId,
  reservationId,
  signVoucher,
  type Voucher,
} from '@nacre/verify'
import type { PublicClient } from 'viem'
import { sdkError } from './errors.ts'
import { call, type HttpOptions, isObject } from './operatorHttp.ts'

export type PayerOptions = {
  /** Of the contract that holds the reservation. */
  domain: BalancesDomain
  terms: ReservationTerms
  /** Signs as `terms.signer`: `signWithKey`, or a wallet's signTypedData over the same fields. */
  sign: (voucher: Voucher) => Hex | Promise<Hex>
  /** The most that one answer may cost, in the token's smallest unit. */
  maxPrice: bigint
  /** Longest output, bytes; default 65,536, what every enclave allows. */
  maxOutput?: number
}

/** A voucher as an operator's HTTP interface takes it. */
export type WirePayment = {
  terms: Omit<ReservationTerms, 'salt'> & { salt: number | string }
  index: number
  maxOutput: number
  maxPrice: string
  signature: Hex
}

/** Signs vouchers for one reservation, each with the next index. */
export type Payer = {
  readonly reservation: Hex
  readonly maxPrice: bigint
  readonly token: Hex
  /** @throws NacreError unreachable, operator-error, bad-answer */
  pay(operator: HttpOptions, question: { nonce: Hex; artifact: Hex; input: Hex }): Promise<WirePayment>
  /** The operator is asked for the next index again: it refused one, or nobody knows what it did. */
  forget(): void
}

/** Signs with a private key of 32 bytes. */
export function signWithKey(domain: BalancesDomain, privateKey: Uint8Array): (voucher: Voucher) => Hex {
  return voucher => signVoucher(domain, voucher, privateKey)
}

/**
 * A payer for `createClient`.
 *
 * @example
 * const { id } = await reserve({ client, wallet, balances, terms, amount, expiresAt })
 * const payer = createPayer({ domain, terms, maxPrice, sign: signWithKey(domain, key) })
 * const { output } = await createClient({ url, policy, payer }).infer({ artifact, input })
 */
export function createPayer(options: PayerOptions): Payer {
  const { domain, terms, sign, maxPrice, maxOutput = 65_536 } = options
  const reservation = reservationId(domain, terms)
  let next: Promise<number> | undefined

  return {
    reservation,
    maxPrice,
    token: terms.token,
    async pay(operator, { nonce, artifact, input }) {
      const index = await (next ?? nextIndex(operator, reservation))
      next = Promise.resolve(index + 1)
      const voucher: Voucher = {
        reservation,
        index: BigInt(index),
        requestId: requestId(domain.chainId, { type: 'client', nonce }),
        artifact,
        inputHash: keccak256(fromHex(input)),
        maxOutput,
        maxPrice,
      }
      const { salt, ...rest } = terms
      const count = salt <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(salt) : salt.toString()
      return {
        terms: { ...rest, salt: count },
        index,
        maxOutput,
        maxPrice: maxPrice.toString(),
        signature: await sign(voucher),
      }
    },
    forget: () => {
      next = undefined
    },
  }
}

async function nextIndex(operator: HttpOptions, reservation: Hex): Promise<number> {
  const answer = await call(operator, `/v1/reservations/${reservation}`)
  const index = isObject(answer) ? answer.nextIndex : undefined
  if (Number.isSafeInteger(index) && (index as number) >= 0) return index as number
  throw sdkError('bad-answer', `${operator.url} sent no next index.`)
}

/** A receipt's place under the root of a batch, checked; `settled` is the contract's word, not the operator's. */
export type ProvenSettlement = {
  reservation: Hex
  index: bigint
  price: bigint
  root: Hex
  proof: Hex[]
  settled: boolean
}

/**
 * Where the payment of a receipt is: the operator's proof, checked here, and whether the chain has settled that root.
 * Undefined when the operator knows no such receipt.
 * @throws NacreError bad-answer when the proof does not lead to the root, unreachable, operator-error
 */
export async function fetchSettlement(
  operator: HttpOptions,
  { client, balances, receiptId }: { client: PublicClient; balances: Hex; receiptId: Hex },
): Promise<ProvenSettlement | undefined> {
  const path = `/v1/receipts/${receiptId}/settlement`
  const answer = await call(operator, path, undefined, { absent: 404 })
  if (answer === undefined) return undefined
  const { reservation, index, price, root, proof } = parseSettlement(answer, operator.url)
  if (!isInBatch(root, { receiptId, index, price }, proof))
    throw sdkError('bad-answer', `${operator.url}: the proof does not lead to the root.`)
  const args = [root, receiptId, index, price, proof] as const
  const settled = await client.readContract({
    address: balances,
    abi: balancesAbi,
    functionName: 'isSettled',
    args,
  })
  return { reservation, index, price, root, proof, settled }
}

/** Proofs of batches of more than 2^32 receipts do not exist. */
const MAX_PROOF = 32

function parseSettlement(value: unknown, url: string): Omit<ProvenSettlement, 'settled'> {
  const { reservation, index, price, root, proof } = isObject(value) ? value : {}
  const isHash = (item: unknown): item is Hex => typeof item === 'string' && /^0x[0-9a-f]{64}$/.test(item)
  const proven = Array.isArray(proof) && proof.length <= MAX_PROOF && proof.every(isHash)
  const priced = typeof price === 'string' && /^[0-9]{1,78}$/.test(price)
  if (!isHash(reservation) || !isHash(root) || !Number.isSafeInteger(index) || !proven || !priced)
    throw sdkError('bad-answer', `${url} sent no settlement.`)
  return { reservation, index: BigInt(index as number), price: BigInt(price), root, proof }
}
