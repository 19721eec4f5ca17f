import { balancesAbi } from '@nacre/contracts'
import type { Batch, ReservationTerms } from '@nacre/verify'
import { parseTerms } from '@nacre/verify/payment'
import { encodeFunctionData, type Hex } from 'viem'
import type { Nodes } from '../chain/nodes.ts'
import { callContract, RevertError } from '../chain/reverts.ts'
import { type Head, KEEP } from '../chain/watcher.ts'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { createQueue, type Queues } from '../common/queue.ts'
import type { Database } from '../database/connect.ts'
import type { Serving } from '../operator/enclaves.ts'
import type { Transactions } from '../operator/transactions.ts'
import { batchOf, closeSettled, findBatch, forgetAnswers, moveBatch, unsettledBatches } from './batches.ts'
import type { PaymentSettings } from './payments.ts'
import { BY_ANOTHER } from './settlement.ts'
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
  queues: Queues
}

const PAUSE_MS = 500
/** What failed is tried again after this time, and twice as long after each further time. */
const RETRY_MS = 2_000
const MAX_RETRY_MS = 60_000
const SWEEP_MS = 600_000
/** Works in hand, those that wait for a payer's calls included. */
const MAX_BUSY = 64
/**
 * Transactions that wait to be mined before another settlement is sent: nonces are mined in their order, and an answer
 * that the relay waits for must not stand behind hundreds of batches. A batch that would be lost soon waits for fewer.
 */
const MAX_UNMINED = 4
const MAX_UNMINED_URGENT = 16
/** Age from which a batch is urgent, as its key expires after a day. */
const URGENT_MS = 20 * 3_600_000
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
 * Settles batches: when they are full, when they are old, when another follows them, when their enclave is replaced, and
 * before their reservation expires. Those of one reservation one after the other: a later one that the chain takes first
 * makes the earlier ones worthless. Nonce and signed transaction are stored together with the batch's new state before
 * anything is sent.
 */
export function createSettler(options: SettlerOptions): Settler {
  const { common, database, queues } = options
  const inOrder = createQueue()
  const busy = new Map<Hex, Promise<void>>()
  const pauses = new Map<Hex, { until: number; ms: number }>()
  let current: Promise<void> | undefined
  let next = 0
  let nextSweep = 0

  async function lookOnce(head: Head): Promise<void> {
    await closeSettled(database.queries, head.number - BigInt(KEEP))
    if (performance.now() >= nextSweep) {
      nextSweep = performance.now() + SWEEP_MS
      await forgetAnswers(database.queries)
    }
    const batches = await unsettledBatches(database.queries)
    const waiting = new Set(batches.map(({ reservation }) => reservation))
    for (const reservation of pauses.keys()) if (!waiting.has(reservation)) pauses.delete(reservation)
    for (const [i, batch] of batches.entries()) {
      const { reservation } = batch
      if (batches[i - 1]?.reservation === reservation) continue
      if (busy.has(reservation) || (pauses.get(reservation)?.until ?? 0) > performance.now()) continue
      if (busy.size >= MAX_BUSY) return
      const isFollowed = batches[i + 1]?.reservation === reservation
      if (isDue(options, batch, head, isFollowed) && hasRoom(options, batch, head)) begin(batch, head)
    }
  }

  function begin({ reservation, first }: BatchRow, head: Head): void {
    const work = async () => {
      if (common.shutdown.signal.aborted) return
      const row = await findBatch(database.queries, reservation, first)
      if (row) await inOrder(() => advance(options, row, head))
      pauses.delete(reservation)
    }
    const done = queues(reservation, work)
      .catch(error => {
        const ms = Math.min(MAX_RETRY_MS, 2 * (pauses.get(reservation)?.ms ?? RETRY_MS / 2))
        pauses.set(reservation, { until: performance.now() + ms, ms })
        common.logger.warn(
          { reservation, first: Number(first), ...describeError(error) },
          'a batch could not be settled, it is tried again',
        )
      })
      .finally(() => busy.delete(reservation))
    busy.set(reservation, done)
  }

  return {
    look(head) {
      if (current || performance.now() < next || common.shutdown.signal.aborted) return
      next = performance.now() + PAUSE_MS
      current = lookOnce(head)
        .catch(error => common.logger.warn(describeError(error), 'batches could not be read'))
        .finally(() => {
          current = undefined
        })
    },
    close: async () => {
      await current
      await Promise.all(busy.values())
    },
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
  if (row.state !== 'open' && row.state !== 'closed') return
  if (row.total === 0n || row.total < leastOf(options, row)) return end(options, row, 'below-least')
  if (hasRoom(options, row, head)) await settle(options, row)
}

/** Whether its transaction may join those that wait to be mined. */
function hasRoom(options: SettlerOptions, row: BatchRow, head: Head): boolean {
  const most = isUrgent(options, row, head) ? MAX_UNMINED_URGENT : MAX_UNMINED
  return row.state === 'submitted' || options.transactions.waiting() < most
}

/** An open batch grows until then. */
function isDue(options: SettlerOptions, row: BatchRow, head: Head, isFollowed: boolean): boolean {
  const { settings } = options
  if (row.state !== 'open' || isFollowed || row.count >= settings.batchSize) return true
  if (isUrgent(options, row, head)) return true
  const serving = options.enclave()
  if (serving && serving.identity.receiptKey !== row.receiptKey) return true
  return ageMs(row) >= settings.settleAfterS * 1000 && row.total >= leastOf(options, row)
}

function isUrgent({ settings }: SettlerOptions, row: BatchRow, { timestamp }: Head): boolean {
  return row.expiresAt - timestamp <= BigInt(settings.marginS) || ageMs(row) >= URGENT_MS
}

/** The least sum that is worth its gas. */
function leastOf({ settings }: SettlerOptions, { token }: BatchRow): bigint {
  return settings.least.get(token) ?? 0n
}

function ageMs({ createdAt }: BatchRow): number {
  return Date.now() - createdAt.getTime()
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
    const old = ageMs(row) > GIVE_UP_MS
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
