import { relayAbi } from '@nacre/contracts'
import { receiptId, toJson } from '@nacre/verify'
import type { Hex, PublicClient } from 'viem'
import { read } from '../chain/client.ts'
import type { Head } from '../chain/watcher.ts'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { Database } from '../database/connect.ts'
import { type Bundler, relayJob } from './bundle.ts'
import { decide, type Profile } from './decide.ts'
import { judge, type Refusal, submit } from './fulfil.ts'
import { chainRequest, moveRequest, openRequests } from './requests.ts'
import type { RequestRow } from './tables.ts'
import type { Transactions } from './transactions.ts'

export type WorkerOptions = {
  common: Pick<Common<unknown>, 'logger' | 'shutdown'>
  client: PublicClient
  database: Database
  transactions: Transactions
  profile: Profile
  /** The enclave that answers now; undefined while one is being launched. */
  enclave: () => Bundler | undefined
}

export type Worker = {
  /** Looks at every open request now; call it after every block and whenever something else changed. */
  wake(head: Head): void
  /** Waits for the work in hand. */
  close(): Promise<void>
}

const RETRY_S = 1
const MAX_RETRY_S = 30

/** Moves requests through their states; each step is stored before its effect, so that a restart repeats at most a read. */
export function createWorker(options: WorkerOptions): Worker {
  const { common, database } = options
  const { logger } = common
  const busy = new Map<string, Promise<void>>()
  const pauses = new Map<string, { until: number; failures: number }>()
  let head: Head | undefined
  let timer: NodeJS.Timeout | undefined
  let pass: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    if (!head || common.shutdown.signal.aborted) return
    for (const row of await openRequests(database.queries)) {
      const key = `${row.id}${row.blockHash}`
      if (busy.has(key) || (pauses.get(key)?.until ?? 0) > Date.now()) continue
      busy.set(
        key,
        work(key, row, head).finally(() => busy.delete(key)),
      )
    }
    schedule()
  }

  async function work(key: string, row: RequestRow, now: Head): Promise<void> {
    try {
      const waitS = await step(options, row, now)
      if (waitS === undefined) pauses.delete(key)
      else pauses.set(key, { until: Date.now() + waitS * 1000, failures: 0 })
    } catch (error) {
      const failures = (pauses.get(key)?.failures ?? 0) + 1
      pauses.set(key, {
        until: Date.now() + Math.min(MAX_RETRY_S, RETRY_S * 2 ** (failures - 1)) * 1000,
        failures,
      })
      logger.warn(
        { request: row.id, state: row.state, ...describeError(error) },
        'request step failed, will be repeated',
      )
    }
    schedule()
  }

  function schedule(): void {
    clearTimeout(timer)
    const next = Math.min(...[...pauses.values()].map(({ until }) => until))
    if (!Number.isFinite(next) || common.shutdown.signal.aborted) return
    timer = setTimeout(poke, Math.max(10, next - Date.now()))
  }

  function poke(): void {
    pass = pass.then(look).catch(error => {
      logger.warn(describeError(error), 'open requests could not be read')
    })
  }

  return {
    wake: newest => {
      head = newest
      poke()
    },
    close: async () => {
      clearTimeout(timer)
      await pass
      await Promise.all(busy.values())
      clearTimeout(timer)
    },
  }
}

/** One request as far as it goes now. Returns the seconds to wait before the next look, if it has to wait. */
async function step(options: WorkerOptions, row: RequestRow, head: Head): Promise<number | undefined> {
  if (row.state !== 'submitted' && row.deadline < head.timestamp) return skip(options, row, 'deadline-passed')
  if (row.state === 'submitted') return afterSubmission(options, row)
  const answered = row.state === 'answered' ? row : await answer(options, row, head)
  return typeof answered === 'object' ? send(options, answered) : answered
}

/** seen → answered: the receipt is stored before anything is submitted. */
async function answer(
  options: WorkerOptions,
  row: RequestRow,
  head: Head,
): Promise<RequestRow | number | undefined> {
  const { client, database, profile, common } = options
  const request = chainRequest(row)
  const decision = await decide(client, profile, request, head)
  if ('skip' in decision) return skip(options, row, decision.skip)
  if ('waitS' in decision) return wait(options, row, decision)
  const enclave = options.enclave()
  if (!enclave) return RETRY_S
  const bundle = await enclave.answer(relayJob(profile.relay, row, request))
  const { receiptKey } = bundle.identity
  const next = { ...row, state: 'answered' as const, reason: null, bundle: toJson(bundle), receiptKey }
  const { state, reason, bundle: stored } = next
  if (!(await moveRequest(database.queries, row, { state, reason, bundle: stored, receiptKey })))
    return undefined
  const receipt = receiptId({ chainId: bundle.chainId, registry: bundle.registry }, bundle.receipt)
  common.logger.info({ request: row.id, receipt, status: bundle.receipt.status }, 'answered')
  return next
}

/** answered → submitted, in the transaction that stores nonce and signed transaction. */
async function send(options: WorkerOptions, row: RequestRow): Promise<number | undefined> {
  const { transactions, profile, common } = options
  const done = await submit(transactions, profile.relay, row, async (queries, nonce) => {
    if (!(await moveRequest(queries, row, { state: 'submitted', nonce, reason: null })))
      throw new Error('the request moved on')
  })
  if ('sent' in done) {
    common.logger.info({ request: row.id, nonce: Number(done.sent) }, 'submitted')
    return undefined
  }
  return handle(options, row, done)
}

/** submitted: the event decides; a transaction that reverted or was lost sends the same receipt again. */
async function afterSubmission(options: WorkerOptions, row: RequestRow): Promise<number | undefined> {
  const { transactions, database, profile, client } = options
  if (row.nonce === null) return undefined
  const sent = await transactions.find(row.nonce)
  if (sent?.state !== 'mined' || sent.status === 'success') return undefined
  const open = await read(() => isOpen(client, profile.relay, row.id))
  if (!open) return undefined
  const reason = await transactions.explain(sent)
  await moveRequest(database.queries, row, { state: 'answered', nonce: null, reason })
  const answered = { ...row, state: 'answered' as const, nonce: null, reason }
  const verdict = judge(reason)
  return 'waitS' in verdict ? RETRY_S : handle(options, answered, verdict)
}

async function handle(options: WorkerOptions, row: RequestRow, done: Refusal): Promise<number | undefined> {
  if ('skip' in done) return skip(options, row, done.skip)
  if ('waitS' in done) return wait(options, row, done)
  await moveRequest(options.database.queries, row, {
    state: 'seen',
    bundle: null,
    receiptKey: null,
    reason: done.again,
  })
  return 0
}

async function skip(
  { database, common }: WorkerOptions,
  row: RequestRow,
  reason: string,
): Promise<undefined> {
  await moveRequest(database.queries, row, { state: 'skipped', reason })
  common.logger.info({ request: row.id, reason }, 'skipped')
}

async function wait(
  { database }: WorkerOptions,
  row: RequestRow,
  { waitS, reason }: { waitS: number; reason: string },
): Promise<number> {
  if (row.reason !== reason) await moveRequest(database.queries, row, { reason })
  return waitS
}

async function isOpen(client: PublicClient, relay: Hex, id: Hex): Promise<boolean> {
  const commitment = await client.readContract({
    address: relay,
    abi: relayAbi,
    functionName: 'commitmentOf',
    args: [id],
  })
  return BigInt(commitment) !== 0n
}
