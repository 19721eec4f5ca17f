import {
  ASSURANCE,
  fromHex,
  type Hex,
  MAX_INDEX,
  messageOf,
  parseBundle,
  type ReceiptBundle,
  type ReservationTerms,
  receiptId,
  recoverVoucherSigner,
  requestId,
  reservationId,
  toJson,
} from '@nacre/verify'
import type { Nodes } from '../chain/nodes.ts'
import { callContract } from '../chain/reverts.ts'
import type { Head } from '../chain/watcher.ts'
import { greatest } from '../common/bigints.ts'
import { FatalError } from '../common/errors.ts'
import { keccak256 } from '../common/keccak.ts'
import { createLimit, type Limit } from '../common/limit.ts'
import type { Queues } from '../common/queue.ts'
import type { Database } from '../database/connect.ts'
import { ERROR_FEE_DIVISOR, type SignedBatch } from '../operator/bundle.ts'
import type { Profile, Served } from '../operator/decide.ts'
import type { Serving } from '../operator/enclaves.ts'
import type { Slots } from '../operator/slots.ts'
import type { Transactions } from '../operator/transactions.ts'
import { findPaid, nextIndexOf, storePaid, unsettledBatches } from './batches.ts'
import { type Funds, readFunds } from './reservations.ts'
import { type Settlement, settlementOf } from './settlement.ts'
import type { BatchRow, PaidAnswerRow } from './tables.ts'

/** A client's question with a voucher for its answer. */
export type PaidCall = {
  nonce: Hex
  artifact: Hex
  input: Hex
  payment: { terms: ReservationTerms; index: bigint; maxOutput: number; maxPrice: bigint; signature: Hex }
}

export type PaymentSettings = {
  balances: Hex
  /** Tokens that are accepted, zero for the chain's own coin, and the least sum of a batch that is worth its gas. */
  least: ReadonlyMap<Hex, bigint>
  /** Receipts after which a batch is settled. */
  batchSize: number
  /** Age at which it is settled with fewer, seconds. */
  settleAfterS: number
  /** Before its reservation expires, seconds: then it is settled, and no voucher is taken any more. */
  marginS: number
  /** Blocks that a reservation has to be old. */
  confirmations: number
}

export type PaymentsOptions = {
  settings: PaymentSettings
  chainId: bigint
  nodes: Nodes
  database: Database
  transactions: Transactions
  slots: Slots
  profile: Pick<Profile, 'operator'> & Pick<Served, 'releaseId' | 'assurance'>
  enclave: () => Serving
  head: () => Head
  /** Works of one reservation come one after the other. */
  queues: Queues
}

/** Answers that clients pay for with vouchers: docs/protocol.md, Vouchers and batches. */
export type Payments = {
  /**
   * The answer, once for a voucher however often it is asked. It takes one of the `places` for as long as the enclave
   * works on it. Throws PAYMENT_REQUIRED, TOO_BUSY, and what the enclave does.
   */
  answer(call: PaidCall, places: Limit): Promise<ReceiptBundle>
  /** What is known of a reservation. */
  reservation(
    id: Hex,
  ): Promise<{ nextIndex: bigint; unsettled: bigint } & Pick<Funds, 'amount' | 'expiresAt'>>
  /** Where the payment of a receipt is; undefined when it was paid for with no voucher here. */
  settlement(receipt: Hex): Promise<Settlement | undefined>
}

/** Calls of one reservation that are here at a time: they wait for one another. */
const MAX_QUEUED = 8
/** Looks at the chain and the database for clients at the same time, and how many wait for one: the relay's come first. */
const MAX_LOOKING = 4
const MAX_LOOKS_WAITING = 64

export function createPayments(options: PaymentsOptions): Payments {
  const { settings, chainId, nodes, database, slots, profile, queues } = options
  const { balances } = settings
  const looking = createLimit(MAX_LOOKING, MAX_LOOKS_WAITING)
  const fundsOf = (id: Hex) => readFunds(nodes, balances, id, settings.confirmations)

  /** What needs no look at the chain. */
  function checkTerms({ terms, index }: PaidCall['payment']): void {
    if (terms.operator !== profile.operator) throw refused(`The reservation pays ${terms.operator}.`)
    if (terms.releaseId !== profile.releaseId)
      throw refused(`The reservation believes release ${terms.releaseId}, served is ${profile.releaseId}.`)
    if (terms.assurance !== ASSURANCE[profile.assurance])
      throw refused(`The reservation wants assurance ${terms.assurance}, this is ${profile.assurance}.`)
    if (!settings.least.has(terms.token)) throw refused(`Token ${terms.token} is not accepted here.`)
    if (index > MAX_INDEX) throw refused(`Index ${index} is above ${MAX_INDEX}.`)
  }

  /** The enclave looks too. Terms are public: without a look here anybody could keep a payer's queue full. */
  function checkSigner(id: Hex, { nonce, artifact, input, payment }: PaidCall): void {
    const { terms, index, maxOutput, maxPrice, signature } = payment
    const voucher = {
      reservation: id,
      index,
      requestId: requestId(chainId, { type: 'client', nonce }),
      artifact,
      inputHash: keccak256(fromHex(input)),
      maxOutput,
      maxPrice,
    }
    if (signerOf({ chainId, balances }, voucher, signature) !== terms.signer)
      throw refused(`The voucher's signature over this request is not by ${terms.signer}.`)
  }

  async function priceOf(call: PaidCall): Promise<bigint> {
    const { token: feeToken } = call.payment.terms
    // The node's own newest block: the one that was read last may have been dropped.
    const { timestamp, hash } = await callContract(() => nodes.client.getBlock())
    const epoch = { number: await slots.epochAt(timestamp), asOf: hash }
    const { active, price } = await slots.offer(
      profile.operator,
      { artifact: call.artifact, feeToken },
      epoch,
    )
    if (!active) throw refused(`No price is announced for ${call.artifact} in token ${feeToken}.`)
    if (price > call.payment.maxPrice)
      throw refused(`The price is ${price}, the voucher is for at most ${call.payment.maxPrice}.`)
    return price
  }

  /** That the reservation covers what was answered and this. A settlement after the block of the funds is not in them. */
  async function checkFunds(id: Hex, index: bigint, price: bigint): Promise<Funds> {
    const funds = await fundsOf(id)
    const unsettled = totalOf(
      await unsettledBatches(database.queries, { reservation: id, block: funds.block }),
    )
    const left =
      funds.expiresAt - BigInt(Math.max(Math.floor(Date.now() / 1000), Number(options.head().timestamp)))
    if (funds.amount === 0n)
      throw refused(`Reservation ${id} holds nothing that is ${settings.confirmations} blocks old.`)
    if (left < BigInt(settings.marginS))
      throw refused(
        `The reservation expires in ${left} s, at least ${settings.marginS} s are needed to settle.`,
      )
    if (unsettled + price > funds.amount)
      throw refused(
        `The reservation holds ${funds.amount}, ${unsettled} of it is used, the price is ${price}.`,
      )
    const next = await nextIndexOf(database.queries, id)
    const least = greatest(next, funds.nextIndex)
    if (index < least) throw refused(`Index ${index} was used or passed over; the next is ${least}.`)
    return funds
  }

  async function answerNew(id: Hex, call: PaidCall, places: Limit): Promise<ReceiptBundle> {
    const { terms, index } = call.payment
    const { price, expiresAt } = await looking(async () => {
      const price = await priceOf(call)
      return { price, ...(await checkFunds(id, index, price)) }
    })
    const { bundle, settlement, receiptKey } = await places(() => askEnclave(id, call, price))
    await database.transaction(async queries => {
      const paid = {
        index,
        requestId: bundle.receipt.requestId,
        receiptId: receiptId(bundle, bundle.receipt),
        price: bundle.usage.price,
        bundle: toJson(bundle),
      }
      await storePaid(queries, settlement, paid, { terms, receiptKey, expiresAt })
    })
    return bundle
  }

  async function askEnclave(id: Hex, { nonce, artifact, input, payment }: PaidCall, price: bigint) {
    const { terms, index, maxOutput, maxPrice, signature } = payment
    const enclave = options.enclave()
    if (maxOutput > enclave.config.maxOutput)
      throw refused(
        `The voucher is for ${maxOutput} bytes of output, at most ${enclave.config.maxOutput} are made.`,
      )
    const { receiptKey } = enclave.identity
    const open = (await unsettledBatches(database.queries, { reservation: id })).findLast(
      batch => batch.state === 'open' && batch.receiptKey === receiptKey && batch.count < settings.batchSize,
    )
    const { number, hash } = options.head()
    const job = {
      origin: { type: 'client' as const, nonce },
      artifact,
      input,
      anchor: { number, hash },
      maxOutput,
      usage: { units: 1n, price, errorPrice: price / ERROR_FEE_DIVISOR, token: terms.token },
      nonce,
    }
    const ask = (first: bigint) =>
      enclave.answerPaid({ ...job, payment: { balances, terms, index, maxPrice, signature, first } })
    const answered = (open && (await grown(open, () => ask(open.first)))) ?? (await ask(index))
    return { ...answered, receiptKey }
  }

  return {
    async answer(call, places) {
      checkTerms(call.payment)
      const id = reservationId({ chainId, balances }, call.payment.terms)
      checkSigner(id, call)
      const answer = async () => {
        const known = await findPaid(database.queries, id, call.payment.index)
        return known ? repeated(chainId, known, call) : answerNew(id, call, places)
      }
      return queues(id, answer, MAX_QUEUED)
    },

    reservation: id =>
      looking(async () => {
        const { amount, expiresAt, nextIndex, block } = await fundsOf(id)
        const batches = await unsettledBatches(database.queries, { reservation: id, block })
        const next = await nextIndexOf(database.queries, id)
        return { nextIndex: greatest(next, nextIndex), unsettled: totalOf(batches), amount, expiresAt }
      }),

    settlement: receipt => looking(() => settlementOf(options, receipt)),
  }
}

/** The same question under the same voucher has the answer that it had. */
function repeated(chainId: bigint, { bundle, index }: PaidAnswerRow, call: PaidCall): ReceiptBundle {
  if (bundle === null) throw refused(`Index ${index} was used, and its answer is not kept any more.`)
  const known = parseBundle(bundle)
  const same =
    known.receipt.requestId === requestId(chainId, { type: 'client', nonce: call.nonce }) &&
    known.receipt.artifact === call.artifact &&
    known.receipt.inputHash === keccak256(fromHex(call.input))
  if (same) return known
  throw refused(`Index ${index} paid for another request.`)
}

/**
 * The answer, when the batch that it was counted into is the stored one and this. Undefined when the enclave has forgotten
 * that batch, or has counted an answer into it that this host did not store: its receipt is lost, so that no proof under
 * such a root could be made, and its payer did not get it. Another batch begins.
 */
async function grown<T extends { settlement: SignedBatch }>(
  open: BatchRow,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    const answered = await ask()
    return answered.settlement.batch.count === open.count + 1 ? answered : undefined
  } catch (error) {
    if (isOrder(error)) return undefined
    throw error
  }
}

function isOrder(error: unknown): boolean {
  return error instanceof Error && (error.cause as { code?: unknown } | undefined)?.code === 'voucher-order'
}

function signerOf(...[domain, voucher, signature]: Parameters<typeof recoverVoucherSigner>): Hex {
  try {
    return recoverVoucherSigner(domain, voucher, signature)
  } catch (cause) {
    throw refused(`The voucher: ${messageOf(cause)}.`)
  }
}

function totalOf(batches: { total: bigint }[]): bigint {
  return batches.reduce((sum, { total }) => sum + total, 0n)
}

function refused(message: string): FatalError {
  return new FatalError('PAYMENT_REQUIRED', message, {
    fix: 'Reserve for this operator, and sign a voucher with the next index: docs/protocol.md, Vouchers and batches.',
  })
}
