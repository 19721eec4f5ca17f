import { balancesAbi } from '@nacre/contracts'
import type { Batch, ReservationTerms } from '@nacre/verify'
import { parseTerms } from '@nacre/verify/payment'
import { encodeFunctionData } from 'viem'
import type { Nodes } from '../chain/nodes.ts'
import { callContract, RevertError } from '../chain/reverts.ts'
import type { Head } from '../chain/watcher.ts'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { createQueues } from '../common/queue.ts'
import type { Database } from '../database/connect.ts'
import type { Serving } from '../operator/enclaves.ts'
import type { Transactions } from '../operator/transactions.ts'
import { batchOf, findBatch, moveBatch, unsettledBatches } from './batches.ts'
import { BY_ANOTHER, type PaymentSettings } from './payments.ts'
import type { BatchRow } from './tables.ts'

export type Settler = {
  /** Looks for batches to settle, now and then; call it after every block. */
  look(head: Head): void
  /** Waits for the look in hand. */
  close(): Promise<void>
}

export type SettlerOptions = {
  common: Pick<Common<unknown>, 'logger' | 'shutdown'>
  settings: PaymentSettings
  nodes: Nodes
  database: Database
  transactions: Transactions
  enclave: () => Serving | undefined
  queues: ReturnType<typeof createQueues>
}

const PAUSE_MS = 2_000
/** Longest that an enclave's key serves, and some time more: what was not settled by then never will be. */
const GIVE_UP_MS = 26 * 3_600_000
/** Refusals that no later block takes back. */
const FINAL = new Set([
  'AlreadySettled',
  'ExpiredKey',
  'RevokedKey',
  'ReceiptReleaseRevoked',
  'WrongOperator',
  'WrongAssurance',
  'WrongRelease',
  'WrongReservation',
  'MalformedBatch',
  'UnsupportedBatch',
])

/**
 * Settles batches: when they are full, when they are old, when their enclave is replaced, and before their reservation
 * expires. Nonce and signed transaction are stored together with the batch's new state before anything is sent.
 */
export function createSettler(options: SettlerOptions): Settler {
  const { common, database, queues } = options
  let current: Promise<void> | undefined
  let next = 0

  async function lookOnce(head: Head): Promise<void> {
    for (const { reservation, first } of await unsettledBatches(database.queries)) {
      if (common.shutdown.signal.aborted) return
      await queues(reservation, async () => {
        const row = await findBatch(database.queries, reservation, first)
        if (row) await advance(options, row, head)
      }).catch(error => {
        common.logger.warn(
          { reservation, first: Number(first), ...describeError(error) },
          'a batch could not be settled, it is tried again',
        )
      })
    }
  }

  return {
    look(head) {
      if (current || performance.now() < next) return
      next = performance.now() + PAUSE_MS
      current = lookOnce(head)
        .catch(error => common.logger.warn(describeError(error), 'batches could not be read'))
        .finally(() => {
          current = undefined
        })
    },
    close: async () => void (await current),
  }
}

async function advance(options: SettlerOptions, row: BatchRow, head: Head): Promise<void> {
  const { database, transactions } = options
  if (row.state === 'submitted') {
    const sent = row.nonce === null ? undefined : await transactions.find(row.nonce)
    if (sent?.state === 'pending' || sent?.status === 'success') return
    const reason = sent ? await transactions.explain(sent) : 'its transaction is not stored'
    await moveBatch(database.queries, row, ['submitted'], { state: 'closed', nonce: null, reason })
    return
  }
  if (row.state === 'ended' || !isDue(options, row, head)) return
  if (row.total < (options.settings.least.get(row.token) ?? 0n)) return end(options, row, 'below-least')
  await settle(options, row)
}

/** An open batch grows until then. */
function isDue({ settings, enclave }: SettlerOptions, row: BatchRow, head: Head): boolean {
  if (row.state === 'closed' || row.count >= settings.batchSize) return true
  if (row.expiresAt - head.timestamp <= BigInt(settings.marginS)) return true
  const serving = enclave()
  if (serving && serving.identity.receiptKey !== row.receiptKey) return true
  const old = Date.now() - row.createdAt.getTime() >= settings.settleAfterS * 1000
  return old && row.total >= (settings.least.get(row.token) ?? 0n)
}

async function settle(options: SettlerOptions, row: BatchRow): Promise<void> {
  const { settings, transactions, common } = options
  const { reservation, first } = row
  const { batch, signature } = batchOf(row)
  const terms: ReservationTerms = parseTerms(row.terms, 'terms')
  const args = [terms, batch, signature] as const
  const data = encodeFunctionData({ abi: balancesAbi, functionName: 'settle', args })
  const intent = { purpose: `settle:${reservation}:${first}`, target: settings.balances, data }
  try {
    const gas = await transactions.estimate(intent)
    await transactions.send(intent, gas, async (queries, nonce) => {
      const moved = await moveBatch(queries, row, ['open', 'closed'], {
        state: 'submitted',
        nonce,
        reason: null,
      })
      if (!moved) throw new Error('the batch moved on')
    })
    common.logger.info({ reservation, count: row.count, total: row.total.toString() }, 'batch submitted')
  } catch (error) {
    if (!(error instanceof RevertError)) throw error
    const { reason } = error
    const old = Date.now() - row.createdAt.getTime() > GIVE_UP_MS
    // Anyone may send what is signed: then it was paid all the same.
    if (reason === 'AlreadySettled' && (await isSettled(options, batch)))
      await moveBatch(options.database.queries, row, ['open', 'closed'], {
        state: 'ended',
        reason: BY_ANOTHER,
      })
    else if (FINAL.has(reason) || old) await end(options, row, reason)
    else throw error
  }
}

async function isSettled(
  { nodes, settings }: SettlerOptions,
  { reservation, root }: Batch,
): Promise<boolean> {
  const call = {
    address: settings.balances,
    abi: balancesAbi,
    functionName: 'settledAt',
    args: [reservation, root],
  } as const
  return (await callContract(() => nodes.client.readContract(call))) !== 0n
}

async function end({ database, common }: SettlerOptions, row: BatchRow, reason: string): Promise<void> {
  await moveBatch(database.queries, row, ['open', 'closed'], { state: 'ended', reason })
  common.logger.warn(
    { reservation: row.reservation, count: row.count, total: row.total.toString(), reason },
    'batch not settled',
  )
}
