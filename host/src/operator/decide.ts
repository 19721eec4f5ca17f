import { relayAbi } from '@nacre/contracts'
import { ASSURANCE } from '@nacre/verify'
import { type Hex, isAddressEqual, zeroAddress } from 'viem'
import type { State } from '../chain/client.ts'
import type { NextTime } from '../chain/nextTime.ts'
import type { Nodes } from '../chain/nodes.ts'
import { callContract, RevertError } from '../chain/reverts.ts'
import type { Head } from '../chain/watcher.ts'
import { inTime } from '../common/wait.ts'
import { type ChainRequest, chainRequest } from './requests.ts'
import type { Slots } from './slots.ts'
import type { RequestRow } from './tables.ts'
import { type Asked, fallbackRank, presumedDuty } from './turn.ts'

/** What the enclave is, and serves. */
export type Served = {
  releaseId: Hex
  publisher: Hex
  assurance: 'simulated' | 'tee'
  artifacts: ReadonlySet<Hex>
}

/** Who we are and what we serve. */
export type Profile = {
  operator: Hex
  /** Undefined for an operator without one. */
  served: Served | undefined
  /** Artifacts of networks that are proven here. */
  proves: ReadonlySet<Hex>
  relay: Hex
  /** Seconds in which the assigned operator alone may answer. */
  windowS: number
  /** Seconds that each operator leaves to the one before it when the assigned one did not answer. */
  fallbackStepS: number
}

/** What is asked for a decision. */
export type Sources = { nodes: Nodes; profile: Profile; slots: Slots; nextTime: NextTime }

/** How an answer is sent: whether it is our duty, and the state that says whether it would be accepted. */
export type Terms = { duty: boolean; asOf: State }

/** Who may answer alone, and until when, seconds. */
type Turn = readonly [Hex, bigint]

/** What to do with a request now. */
export type Decision =
  | ({ take: true } & Terms)
  | { skip: string }
  | { decline: true }
  | { waitS: number; reason: string }

/** Below this many seconds to the deadline a request is not started. */
const MIN_REMAINING_S = 2n

/** A node that is slow to say whose duty a request is keeps no place of one that is ours. */
const AGREE_MS = 5_000

/** Whoever ended it, the event is still to come. */
export const NOT_OPEN = 'not-open'

/**
 * Whether to answer a request: reasons of its own first, then what the chain says: whose turn it is, and when it is not
 * our duty, whether we offered it. Throws CHAIN_UNAVAILABLE.
 */
export async function decide(from: Sources, row: RequestRow, head: Head): Promise<Decision> {
  const { nodes, profile, slots, nextTime } = from
  const request = chainRequest(row)
  const { params } = request
  const refusal = refusalOf(profile, params)
  if (refusal !== undefined) return { skip: refusal }
  if (row.state === 'seen' && params.deadline < head.timestamp + MIN_REMAINING_S) return { skip: 'too-late' }
  const drawn = drawnFor(row, request, head)
  const presumed = await presumedTurn(from, row, drawn, head)
  const turn = presumed ?? (await whoseTurn(nodes, profile, row, stateFor(request, head)))
  if (turn === undefined) return { waitS: 2, reason: NOT_OPEN }
  const [assigned, until] = turn
  const duty = isAddressEqual(assigned, profile.operator)
  if (!duty) {
    const offer = await ownOffer(slots, profile, drawn)
    if (!offer.active) return { skip: 'not-offered' }
    if (offer.price > params.fee) return { skip: 'fee-too-low' }
  }
  if (head.baseFee > params.maxGasPrice)
    return duty && halfPassed(request, head) ? { decline: true } : { waitS: 1, reason: 'base-fee-above-cap' }
  if (duty) return { take: true, duty, asOf: stateFor(request, head) }
  const now = presumed ? head.timestamp : await nextTime(head)
  return afterAnother(from, now, { assigned, until, drawn })
}

/**
 * At the first look at a request within its window, what is known of its epoch says whose duty it is: so many calls
 * less, of those who wait as of the one that answers. What is sent is asked the chain in any case, and whoever waits
 * asks when the window has passed. A node alone frees nobody: when the other says something else, the chain is asked.
 */
async function presumedTurn(
  { nodes, profile, slots }: Sources,
  { source, state, reason }: RequestRow,
  drawn: Asked,
  head: Head,
): Promise<Turn | undefined> {
  const until = drawn.timestamp + BigInt(profile.windowS)
  if (state !== 'seen' || reason !== null || source !== null || head.timestamp > until) return undefined
  const assigned = await presumedDuty(slots, drawn)
  if (!assigned) return undefined
  const ours = isAddressEqual(assigned, profile.operator)
  return ours || (await isAgreed(nodes, slots, drawn, assigned)) ? [assigned, until] : undefined
}

async function isAgreed(nodes: Nodes, slots: Slots, drawn: Asked, assigned: Hex): Promise<boolean> {
  const duties = slots.views().map(view => presumedDuty(view, drawn))
  const said = await inTime(Promise.all(duties), AGREE_MS).catch(() => undefined)
  if (!said) return false
  const stranger = said.findIndex(duty => duty !== assigned)
  if (stranger === -1) return true
  nodes.disagree('turn', { of: drawn.id, leading: assigned, other: said[stranger] })
  return false
}

/** Another's duty, or nobody's: after its window, or at once, those who may answer take turns. */
async function afterAnother(
  { profile, slots }: Sources,
  now: bigint,
  { assigned, until, drawn }: { assigned: Hex; until: bigint; drawn: Asked },
): Promise<Decision> {
  const atOnce = isAddressEqual(assigned, zeroAddress) && now <= until
  const from = atOnce ? drawn.timestamp : until + 1n
  if (now < from) return { waitS: Number(from - now), reason: 'assigned-to-another' }
  const { operator, fallbackStepS } = profile
  const rank = await fallbackRank({ slots, operator, assigned, request: drawn })
  const turn = from + BigInt(rank * fallbackStepS)
  if (now < turn) return { waitS: Number(turn - now), reason: 'turn-of-another' }
  return { take: true, duty: false, asOf: 'pending' }
}

/** Whether a request whose answer waits to be mined must be declined: as in `decide`. Throws CHAIN_UNAVAILABLE. */
export async function declineDue(
  nodes: Nodes,
  profile: Profile,
  row: RequestRow,
  head: Head,
): Promise<boolean> {
  const request = chainRequest(row)
  if (head.baseFee <= request.params.maxGasPrice || !halfPassed(request, head)) return false
  const turn = await whoseTurn(nodes, profile, row, 'latest')
  return turn !== undefined && isAddressEqual(turn[0], profile.operator)
}

/** Nothing can be said of a request in its own block: whom it draws is known in the next one. */
function stateFor({ blockNumber }: ChainRequest, head: Head): State {
  return head.number > blockNumber ? 'latest' : 'pending'
}

/** Of the time from the request to its deadline: until then the base fee may fall, afterwards there is time to decline. */
function halfPassed({ timestamp, params }: ChainRequest, head: Head): boolean {
  return 2n * head.timestamp >= timestamp + params.deadline
}

/** Why neither our enclave nor a proof may answer it. Of a `zk` request the key that it names is all of the policy. */
function refusalOf({ served, proves }: Profile, params: ChainRequest['params']): string | undefined {
  if (params.assurance === ASSURANCE.zk) return proves.has(params.artifact) ? undefined : 'unknown-artifact'
  if (!served?.artifacts.has(params.artifact)) return 'unknown-artifact'
  if (params.assurance !== ASSURANCE[served.assurance]) return 'assurance'
  return isAccepted(served, params) ? undefined : 'release-not-accepted'
}

function isAccepted(
  { releaseId, publisher }: Served,
  { releases, publishers }: ChainRequest['params'],
): boolean {
  return releases.includes(releaseId) || publishers.some(accepted => isAddressEqual(accepted, publisher))
}

/** As it was in the request's epoch: what was changed since neither binds nor frees us. */
async function ownOffer(slots: Slots, { operator }: Profile, { timestamp, params, asOf }: Asked) {
  return slots.offer(operator, params, { number: await slots.epochAt(timestamp), asOf })
}

/** The newest block read may be older than the request's own. */
function drawnFor({ id, blockHash }: RequestRow, request: ChainRequest, { number, hash }: Head): Asked {
  return { ...request, id, blockHash, asOf: number > request.blockNumber ? hash : blockHash }
}

/** Undefined when the request is not open. It is our duty when one node says so. */
async function whoseTurn(
  nodes: Nodes,
  { relay, operator }: Profile,
  row: RequestRow,
  blockTag: State,
): Promise<Turn | undefined> {
  const args = [chainRequest(row)] as const
  const call = { address: relay, abi: relayAbi, functionName: 'assignedOf', args, blockTag } as const
  return nodes.strictest<Turn | undefined>({
    kind: 'turn',
    of: row.id,
    ask: client => callContract(() => client.readContract(call)).catch(unlessClosed),
    weight: turn => (turn && isAddressEqual(turn[0], operator) ? 1 : 0),
    enough: 1,
  })
}

function unlessClosed(error: unknown): undefined {
  if (!(error instanceof RevertError && error.reason === 'UnknownRequest')) throw error
}
