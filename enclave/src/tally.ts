import {
  append,
  BATCH_VERSION,
  type Batch,
  batchLeaf,
  configHash,
  type EnclaveConfig,
  type Frontier,
  type Hex,
  messageOf,
  receiptId,
  recoverVoucherSigner,
  requestId,
  reservationId,
  rootOf,
  signBatch,
} from '@nacre/verify'
import type { Answer } from './answer.ts'
import { ChannelError } from './errors.ts'
import type { Job, Payment } from './job.ts'
import { keccak256 } from './keccak.ts'
import { type ReceiptKey, recover, sign } from './keys.ts'
import { MAX_TALLIES } from './limits.ts'

/** An open batch, signed as it is now: whoever holds it can settle what was counted so far. */
export type SignedBatch = { batch: Batch; signature: Hex }

type PaidJob = Job & { payment: Payment }

/**
 * Counts paid answers (docs/protocol.md, Vouchers and batches). The enclave keeps no more of a reservation than its open
 * batch and trusts the host with none of it: that an index is paid once is the contract's counter, and that the payer
 * agreed is a signature. A host that loses a batch, or lies about where it begins, loses its own pay.
 */
export type Tallies = {
  /** That the payer agreed to this job and price. @throws ChannelError voucher-refused */
  check(job: PaidJob): void
  /** The batch with this answer in it. @throws ChannelError voucher-order */
  count(payment: Payment, answer: Answer): SignedBatch
}

/** The requester's own mistakes cost at most this part of the price, as on chain. */
const ERROR_PRICE_DIVISOR = 10n

export function createTallies(key: ReceiptKey, config: EnclaveConfig): Tallies {
  const { chainId, registry, releaseId } = config
  const fixed = { version: BATCH_VERSION, releaseId, configHash: configHash(config) }
  const open = new Map<Hex, { batch: Batch; frontier: Frontier }>()

  const idOf = ({ balances, terms }: Payment): Hex => reservationId({ chainId, balances }, terms)

  return {
    check({ origin, artifact, input, maxOutput, usage, payment }) {
      const { balances, terms, index, maxPrice, signature, first } = payment
      if (origin.type !== 'client') throw refused('only a client request is paid with one')
      if (terms.operator !== config.operator) throw refused(`it pays ${terms.operator}`)
      if (terms.releaseId !== releaseId) throw refused(`it believes release ${terms.releaseId} only`)
      if (terms.token !== usage.token) throw refused(`it pays in ${terms.token}`)
      if (usage.price > maxPrice) throw refused(`the price is ${usage.price}, it pays at most ${maxPrice}`)
      if (usage.errorPrice * ERROR_PRICE_DIVISOR > usage.price)
        throw refused(`an error costs at most a tenth of ${usage.price}`)
      if (first > index) throw refused(`its index ${index} is before the batch`)
      const voucher = {
        reservation: idOf(payment),
        index,
        requestId: requestId(chainId, origin),
        artifact,
        inputHash: keccak256(input),
        maxOutput,
        maxPrice,
      }
      if (signerOf({ chainId, balances }, voucher, signature) !== terms.signer)
        throw refused(`its signature over this request is not by ${terms.signer}`)
    },

    count(payment, { receipt, usage }) {
      const reservation = idOf(payment)
      const { index, first } = payment
      const { price } = usage
      const known = open.get(reservation)
      const begins = first === index
      if (!begins && known?.batch.first !== first)
        throw new ChannelError('voucher-order', `no batch that begins with ${first} is open`)
      if (!begins && known && index <= known.batch.last)
        throw new ChannelError('voucher-order', `index ${index} is not above ${known.batch.last}`)
      const leaf = batchLeaf({ receiptId: receiptId({ chainId, registry }, receipt), index, price })
      const before = begins ? undefined : known
      const frontier = append(before?.frontier ?? [], leaf)
      const batch: Batch = {
        ...fixed,
        reservation,
        first,
        last: index,
        count: (before?.batch.count ?? 0) + 1,
        total: (before?.batch.total ?? 0n) + price,
        root: rootOf(frontier),
      }
      const signature = signBatch({ chainId, registry }, batch, key.privateKey, sign)
      open.delete(reservation)
      open.set(reservation, { batch, frontier })
      if (open.size > MAX_TALLIES) open.delete(open.keys().next().value!)
      return { batch, signature }
    },
  }
}

function signerOf(...[domain, voucher, signature]: Parameters<typeof recoverVoucherSigner>): Hex {
  try {
    return recoverVoucherSigner(domain, voucher, signature, { recoverSecp256k1: recover })
  } catch (cause) {
    throw refused(messageOf(cause))
  }
}

function refused(reason: string): ChannelError {
  return new ChannelError('voucher-refused', `the voucher: ${reason}`)
}
