import { balancesAbi } from '@nacre/contracts'
import {
  type BalancesDomain,
  fromHex,
  type Hex,
  isInBatch,
  keccak256,
  MAX_INDEX,
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
  /**
   * Signs the next voucher and hands it to `ask`. Questions wait for one another, as they do at the operator, which takes
   * no index after a higher one. When `ask` fails, the operator is asked for the next index again.
   * @throws NacreError unreachable, operator-error, bad-answer, and what `ask` and the signer throw
   */
  pay<T>(operator: HttpOptions, question: Question, ask: (payment: WirePayment) => Promise<T>): Promise<T>
}

type Question = { nonce: Hex; artifact: Hex; input: Hex }

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
  let next: number | undefined
  let last: Promise<unknown> = Promise.resolve()

  async function signed(index: number, { nonce, artifact, input }: Question): Promise<WirePayment> {
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
  }

  const pay: Payer['pay'] = async (operator, question, ask) => {
    const index = next ?? (await nextIndex(operator, reservation))
    next = undefined
    const answer = await ask(await signed(index, question))
    next = index + 1
    return answer
  }

  return {
    reservation,
    maxPrice,
    token: terms.token,
    pay: (operator, question, ask) => {
      const paid = last.then(() => pay(operator, question, ask))
      last = paid.catch(() => {})
      return paid
    },
  }
}

async function nextIndex(operator: HttpOptions, reservation: Hex): Promise<number> {
  const answer = await call(operator, `/v1/reservations/${reservation}`)
  const index = isObject(answer) ? answer.nextIndex : undefined
  if (isIndex(index)) return index
  throw sdkError('bad-answer', `${operator.url} sent no next index.`)
}

/** A higher one is signed by nobody, and would use the reservation up. */
function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= Number(MAX_INDEX)
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
 * Where the payment of a receipt is: the operator's proof, checked here, and whether the chain has settled that root from
 * the reservation that the operator names: compare it with yours (`Payer.reservation`). Undefined when the operator knows
 * no such receipt.
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
  const args = [reservation, root, receiptId, index, price, proof] as const
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
  const priced = typeof price === 'string' && /^[0-9]{1,78}$/.test(price) && BigInt(price) < 2n ** 256n
  if (!isHash(reservation) || !isHash(root) || !isIndex(index) || !proven || !priced)
    throw sdkError('bad-answer', `${url} sent no settlement.`)
  return { reservation, index: BigInt(index), price: BigInt(price), root, proof }
}
