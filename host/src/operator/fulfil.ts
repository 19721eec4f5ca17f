import { relayAbi } from '@nacre/contracts'
import { parseBundle, type Receipt, STATUS } from '@nacre/verify'
import { encodeFunctionData, type Hex, isAddressEqual, type PublicClient, zeroAddress } from 'viem'
import { callContract, RevertError } from '../chain/reverts.ts'
import type { Queries } from '../database/connect.ts'
import type { Profile, Terms } from './decide.ts'
import { chainRequest } from './requests.ts'
import type { RequestRow } from './tables.ts'
import type { Intent, Transactions } from './transactions.ts'
import { isZkAnswer, parseZkAnswer } from './zk/answer.ts'

/** What came of trying to submit an answer. */
export type Submission = { sent: bigint } | Refusal

/** skip: for good; again: with another key; otherwise later. */
export type Refusal = { skip: string } | { again: string } | { waitS: number; reason: string }

/** Why a request is skipped on which our engine failed. */
export const ENGINE_FAILED = 'engine-failed'

/** Reasons that end a request for us: no later block makes this answer acceptable. */
const FINAL = new Set([
  'DeadlinePassed',
  'AnchorUnavailable',
  'ReleaseNotAccepted',
  'ReceiptReleaseRevoked',
  'OperatorNotEligible',
  'AssuranceMismatch',
  'OutputTooLong',
])
/** Reasons that another key of ours can mend: the request is answered anew. */
const NEW_KEY = new Set(['ExpiredKey', 'RevokedKey', 'UnknownKey', 'EvidenceTooOld'])

/**
 * Submits the stored answer if the chain would accept it. `within` is stored together with nonce
 * and signed transaction. Throws CHAIN_UNAVAILABLE, DATABASE_UNAVAILABLE.
 */
export async function submit(
  transactions: Transactions,
  relay: Hex,
  row: RequestRow & Terms,
  within: (queries: Queries, nonce: bigint) => Promise<void>,
): Promise<Submission> {
  const intent = fulfilment(relay, row)
  try {
    const gas = await transactions.estimate(intent, { asOf: row.asOf, obliged: row.duty })
    return { sent: await transactions.send(intent, gas, within) }
  } catch (error) {
    if (!(error instanceof RevertError)) throw error
    const refusal = judge(error.reason)
    return engineFailed(row) && !('again' in refusal) ? { skip: ENGINE_FAILED } : refusal
  }
}

/**
 * Whether the enclave's engine failed on the request. Sent by who has the duty, such a receipt ends it without a slash
 * and leaves the request to others; from anybody else the contract refuses it.
 */
export function engineFailed(row: RequestRow): boolean {
  if (row.bundle === null || isZkAnswer(row.bundle)) return false
  return parseBundle(row.bundle).receipt.status === STATUS.engineFailed
}

/** What a refusal by the contract means for the request. */
export function judge(reason: string): Refusal {
  if (FINAL.has(reason)) return { skip: reason }
  if (NEW_KEY.has(reason)) return { again: reason }
  return { waitS: 1, reason }
}

/** What came of it: ours, on its way, another's, not wanted at the last look, or why the contract refuses it. */
export type Acceptance = 'done' | 'accepting' | 'assigned-to-another' | 'unwanted' | { refused: string }

/**
 * Takes the duty of a request by hash on chain, unless it is taken. `isWanted` is asked before anything is sent.
 * Throws CHAIN_UNAVAILABLE, DATABASE_UNAVAILABLE.
 */
export async function accept(
  transactions: Transactions,
  client: PublicClient,
  { relay, operator }: Pick<Profile, 'relay' | 'operator'>,
  row: RequestRow,
  isWanted: () => Promise<boolean> = async () => true,
): Promise<Acceptance> {
  const read = { address: relay, abi: relayAbi, functionName: 'acceptanceOf', args: [row.id] } as const
  const [holder] = await callContract(() => client.readContract(read))
  if (!isAddressEqual(holder, zeroAddress))
    return isAddressEqual(holder, operator) ? 'done' : 'assigned-to-another'
  const purpose = `accept:${row.id}`
  if (await transactions.isPending(purpose)) return 'accepting'
  if (!(await isWanted())) return 'unwanted'
  const args = [chainRequest(row)] as const
  const data = encodeFunctionData({ abi: relayAbi, functionName: 'accept', args })
  const intent = { purpose, target: relay, data }
  try {
    await transactions.send(intent, await transactions.estimate(intent))
    return 'accepting'
  } catch (error) {
    if (!(error instanceof RevertError)) throw error
    const isAnothers = error.reason === 'NotAssigned' || error.reason === 'AlreadyAccepted'
    return isAnothers ? 'assigned-to-another' : { refused: error.reason }
  }
}

/** Declines on chain, once: in the place of a fulfilment that waits, or with a nonce of its own. */
export async function decline(
  transactions: Transactions,
  relay: Hex,
  row: RequestRow,
  within: (queries: Queries) => Promise<void>,
): Promise<'sent' | 'waits'> {
  const purpose = `decline:${row.id}`
  if (await transactions.isPending(purpose)) return 'waits'
  const args = [chainRequest(row)] as const
  const data = encodeFunctionData({ abi: relayAbi, functionName: 'decline', args })
  const intent = { purpose, target: relay, data }
  try {
    const gas = await transactions.estimate(intent, { asOf: 'latest', priced: true })
    const waiting = row.state === 'submitted' ? row.nonce : null
    if (waiting === null) await transactions.send(intent, gas, within)
    else if (!(await transactions.replace(waiting, intent, gas, within))) return 'waits'
    return 'sent'
  } catch (error) {
    if (error instanceof RevertError) return 'waits'
    throw error
  }
}

/** A payment of nothing to ourselves, in the place of what is too late; `of` is the answer's request, say. */
export function cancellation(operator: Hex, of: string): { intent: Intent; gas: bigint } {
  return { intent: { purpose: `cancel:${of}`, target: operator, data: '0x' }, gas: 21_000n }
}

function fulfilment(relay: Hex, row: RequestRow): Intent {
  const { receipt, signature, output } = answerOf(row.bundle)
  const args = [chainRequest(row), receipt, signature, output] as const
  return {
    purpose: `fulfil:${row.id}`,
    target: relay,
    data: encodeFunctionData({ abi: relayAbi, functionName: 'fulfil', args }),
  }
}

/** A proof is where an enclave's signature would be. */
function answerOf(stored: unknown): { receipt: Receipt; signature: Hex; output: Hex } {
  if (!isZkAnswer(stored)) return parseBundle(stored)
  const { proof, ...answer } = parseZkAnswer(stored)
  return { ...answer, signature: proof }
}
