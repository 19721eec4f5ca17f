import { relayAbi } from '@nacre/contracts'
import { receiptId, toJson } from '@nacre/verify'
import type { Hex, PublicClient } from 'viem'
import { read } from '../chain/client.ts'
import type { MinedBy } from '../chain/minedBy.ts'
import type { NextTime } from '../chain/nextTime.ts'
import type { Nodes } from '../chain/nodes.ts'
import type { Head } from '../chain/watcher.ts'
import type { Common } from '../common/index.ts'
import type { Database } from '../database/connect.ts'
import { type Bundler, relayJob } from './bundle.ts'
import { decide, declineDue, NOT_OPEN, type Profile, type Terms } from './decide.ts'
import { readEnd } from './ended.ts'
import {
  accept,
  cancellation,
  decline,
  ENGINE_FAILED,
  engineFailed,
  judge,
  type Refusal,
  submit,
} from './fulfil.ts'
import type { Inputs } from './inputs.ts'
import { chainRequest, moveRequest } from './requests.ts'
import type { Slots } from './slots.ts'
import type { RequestRow } from './tables.ts'
import type { Transactions } from './transactions.ts'
import type { Prover } from './zk/prover.ts'
import { isZk, zkStep } from './zk/steps.ts'

export type StepOptions = {
  common: Pick<Common<unknown>, 'logger' | 'shutdown'>
  nodes: Nodes
  database: Database
  transactions: Transactions
  profile: Profile
  slots: Slots
  nextTime: NextTime
  minedBy: MinedBy
  /** The enclave that answers now; undefined while one is being launched. */
  enclave: () => Bundler | undefined
  inputs: Inputs
  /** Of an operator that proves networks. */
  prover?: Prover | undefined
  /** The chain refused the key of an answer: whether it knows it is to be looked at. */
  onKeyRefused: () => void
  /** Whether requests by hash are accepted on chain before they are answered: alone for a window, and at stake. */
  acceptInputs: boolean
}

/** An event or a reorganisation changed the request while a step of it was prepared: nothing is stored or sent. */
class MovedOn extends Error {}

const RETRY_S = 1
const END_RETRY_S = 2
/** An enclave is replaced in seconds. */
const KEY_RETRY_S = 3

/** One request as far as it goes now. Returns the seconds to wait before the next look, if it has to wait. */
export async function step(options: StepOptions, row: RequestRow, head: Head): Promise<number | undefined> {
  if (row.deadline < head.timestamp) return giveUp(options, row, head)
  if (row.state === 'submitted') return afterSubmission(options, row, head)
  const { transactions, nodes, profile } = options
  const decision = await decide(options, row, head)
  if ('skip' in decision) return skip(options, row, decision.skip)
  if ('waitS' in decision)
    return decision.reason === NOT_OPEN ? awaitEnd(options, row, head) : wait(options, row, decision)
  if ('decline' in decision) return sendDecline(options, row)
  const { duty, asOf } = decision
  const { prover } = options
  if (prover && isZk(row)) return prove({ ...options, prover }, { ...row, duty, asOf }, head)
  if (row.state === 'answered') return send(options, { ...row, duty, asOf })
  if (row.input === null) return fetchInput(options, row)
  if (row.source !== null && options.acceptInputs) {
    // Whoever asks may hold the input back: what is accepted too late to be answered is slashed.
    const isInTime = async () => (await options.minedBy(head)) <= row.deadline
    const accepted = await accept(transactions, nodes.client, profile, row, isInTime)
    // What cannot be accepted is answered as well without: the cover is used up, say.
    if (accepted === 'accepting' || accepted === 'assigned-to-another')
      return wait(options, row, { waitS: RETRY_S, reason: accepted })
  }
  const answered = await answer(options, { ...row, input: row.input })
  return answered ? send(options, { ...answered, duty, asOf }) : RETRY_S
}

/** A request by hash, whose input is somewhere else: fetched beside, stored, and then looked at again. */
async function fetchInput(options: StepOptions, row: RequestRow): Promise<number | undefined> {
  const { final, reason } = options.inputs.fetch(row)
  return final ? skip(options, row, reason) : wait(options, row, { waitS: RETRY_S, reason })
}

/** seen → answered beside this: the proof is stored when it is ready, and then looked at again. */
async function prove(
  options: StepOptions & { prover: Prover },
  row: RequestRow & Terms,
  head: Head,
): Promise<number | undefined> {
  const next = await zkStep(options, row, head)
  if (next === 'send') return send(options, row)
  if (!('skip' in next)) return wait(options, row, next)
  if (next.why !== undefined)
    options.common.logger.warn({ request: row.id, why: next.why }, 'its input is not what its hash says')
  return skip(options, row, next.skip)
}

/** seen → answered: the receipt is stored before anything is submitted. Undefined when there is no enclave now. */
async function answer(
  options: StepOptions,
  row: RequestRow & { input: Hex },
): Promise<RequestRow | undefined> {
  const { database, profile, common } = options
  const enclave = options.enclave()
  if (!enclave) return undefined
  const bundle = await enclave.answer(relayJob(profile.relay, row, chainRequest(row)))
  const { receiptKey } = bundle.identity
  const changes = { state: 'answered' as const, reason: null, bundle: toJson(bundle), receiptKey }
  if (!(await moveRequest(database.queries, row, changes))) return undefined
  const receipt = receiptId({ chainId: bundle.chainId, registry: bundle.registry }, bundle.receipt)
  common.logger.info({ request: row.id, receipt, status: bundle.receipt.status }, 'answered')
  return { ...row, ...changes }
}

/** answered → submitted, in the transaction that stores nonce and signed transaction. */
async function send(options: StepOptions, row: RequestRow & Terms): Promise<number | undefined> {
  const { transactions, profile, common } = options
  const done = await submit(transactions, profile.relay, row, async (queries, nonce) => {
    if (!(await moveRequest(queries, row, { state: 'submitted', nonce, reason: null }))) throw new MovedOn()
  }).catch(error => (error instanceof MovedOn ? undefined : Promise.reject(error)))
  if (done === undefined) return undefined
  if ('sent' in done) {
    common.logger.info({ request: row.id, nonce: Number(done.sent) }, 'submitted')
    return RETRY_S
  }
  return handle(options, row, done)
}

/** submitted: the event decides; a transaction that reverted or was lost sends the same receipt again. */
async function afterSubmission(
  options: StepOptions,
  row: RequestRow,
  head: Head,
): Promise<number | undefined> {
  const { transactions, database, profile, nodes } = options
  const sent = row.nonce === null ? undefined : await transactions.find(row.nonce)
  if (sent?.state === 'pending')
    return (await declineDue(nodes, profile, row, head)) ? sendDecline(options, row) : RETRY_S
  // The event decides; a failure of the engine has none that ends the request.
  if (sent?.status === 'success')
    return engineFailed(row) ? skip(options, row, ENGINE_FAILED) : awaitEnd(options, row, head)
  if (!(await isOpen(nodes, profile.relay, row, head))) return awaitEnd(options, row, head)
  const reason = sent ? await transactions.explain(sent) : 'its transaction is not stored'
  await moveRequest(database.queries, row, { state: 'answered', nonce: null, reason })
  const answered = { ...row, state: 'answered' as const, nonce: null, reason }
  const verdict = judge(reason)
  return 'waitS' in verdict ? RETRY_S : handle(options, answered, verdict)
}

/** The deadline has passed: nothing is sent any more, and a nonce that waits does nothing instead. */
async function giveUp(options: StepOptions, row: RequestRow, head: Head): Promise<number | undefined> {
  const { transactions, profile } = options
  const reason = 'deadline-passed'
  const sent = row.nonce === null ? undefined : await transactions.find(row.nonce)
  if (row.state !== 'submitted' || !sent) return skip(options, row, reason)
  if (sent.state === 'mined')
    return sent.status === 'success' ? awaitEnd(options, row, head) : skip(options, row, reason)
  const { intent, gas } = cancellation(profile.operator, row.id)
  const cancelled = await transactions.replace(sent.nonce, intent, gas, async queries => {
    await moveRequest(queries, row, { state: 'skipped', nonce: null, reason })
  })
  if (!cancelled) return RETRY_S
  options.common.logger.warn({ request: row.id, reason }, 'skipped, its transaction was never mined')
  return undefined
}

/** Our duty, and too dear for the requester: said on chain, so that we are not slashed and others may answer. */
async function sendDecline(options: StepOptions, row: RequestRow): Promise<number> {
  const { transactions, profile, common } = options
  const done = await decline(transactions, profile.relay, row, async queries => {
    if (row.state === 'submitted') await moveRequest(queries, row, { state: 'answered', nonce: null })
  })
  if (done === 'sent') common.logger.info({ request: row.id }, 'declined')
  return wait(options, row, { waitS: RETRY_S, reason: 'base-fee-above-cap' })
}

async function handle(options: StepOptions, row: RequestRow, done: Refusal): Promise<number | undefined> {
  if ('skip' in done) return skip(options, row, done.skip)
  if ('waitS' in done) return wait(options, row, done)
  // The same enclave would sign with the same key again: another one has to serve first.
  if (options.enclave()?.identity.receiptKey === row.receiptKey) {
    options.onKeyRefused()
    return wait(options, row, { waitS: KEY_RETRY_S, reason: done.again })
  }
  await moveRequest(options.database.queries, row, {
    state: 'seen',
    bundle: null,
    receiptKey: null,
    reason: done.again,
  })
  return 0
}

async function skip({ database, common }: StepOptions, row: RequestRow, reason: string): Promise<undefined> {
  await moveRequest(database.queries, row, { state: 'skipped', reason })
  common.logger.info({ request: row.id, reason }, 'skipped')
}

async function wait(
  { database }: StepOptions,
  row: RequestRow,
  { waitS, reason }: { waitS: number; reason: string },
): Promise<number> {
  if (row.reason !== reason) await moveRequest(database.queries, row, { reason })
  return waitS
}

/** Closed on chain: the next event says how. One that was not shown with its block is asked for by name. */
async function awaitEnd(options: StepOptions, row: RequestRow, head: Head): Promise<number | undefined> {
  if (row.reason === NOT_OPEN && (await readEnd(options, row, head))) return undefined
  return wait(options, row, { waitS: END_RETRY_S, reason: NOT_OPEN })
}

/** As of a block that the nodes have in common; open when one of them says so. */
function isOpen(nodes: Nodes, address: Hex, { id }: RequestRow, { number }: Head): Promise<boolean> {
  const call = { address, abi: relayAbi, functionName: 'commitmentOf', args: [id] } as const
  const ask = (client: PublicClient) => client.readContract({ ...call, blockNumber: number })
  return read(() =>
    nodes.strictest({
      kind: 'open',
      of: id,
      ask: async client => BigInt(await ask(client)) !== 0n,
      weight: Number,
      enough: 1,
    }),
  )
}
