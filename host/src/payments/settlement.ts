import { batchLeaf, type Hex, proofOf } from '@nacre/verify'
import type { Database } from '../database/connect.ts'
import type { Transactions } from '../operator/transactions.ts'
import { answersOf, batchOf, findBatch, findPaidReceipt } from './batches.ts'
import type { BatchState } from './tables.ts'

/** Reason of a batch whose settlement somebody else sent. */
export const BY_ANOTHER = 'settled-by-another'

/** An answer in its batch. The proof is under the root as the batch is now: an open one grows. */
export type Settlement = {
  reservation: Hex
  index: bigint
  price: bigint
  root: Hex
  proof: Hex[]
  state: BatchState
  reason: string | null
  transaction: Hex | null
}

/** Where the payment of a receipt is; undefined when it was paid for with no voucher here. */
export async function settlementOf(
  { database, transactions }: { database: Database; transactions: Transactions },
  receipt: Hex,
): Promise<Settlement | undefined> {
  const paid = await findPaidReceipt(database.queries, receipt)
  const batch = paid && (await findBatch(database.queries, paid.reservation, paid.first))
  if (!batch) return undefined
  const { reservation, index, price } = paid
  const answers = await answersOf(database.queries, batch)
  const at = answers.findIndex(answer => answer.index === index)
  const sent = batch.nonce === null ? undefined : await transactions.find(batch.nonce)
  const mined = sent?.state === 'mined' && sent.status === 'success'
  const settled = mined || batch.reason === BY_ANOTHER
  return {
    reservation,
    index,
    price,
    root: batchOf(batch).batch.root,
    proof: proofOf(answers.map(batchLeaf), at),
    state: settled ? 'settled' : batch.state,
    reason: batch.reason,
    transaction: mined ? sent.hash : null,
  }
}
