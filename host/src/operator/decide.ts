import { operatorsAbi, relayAbi } from '@nacre/contracts'
import { ASSURANCE } from '@nacre/verify'
import { type Hex, isAddressEqual, type PublicClient, zeroAddress } from 'viem'
import { read } from '../chain/client.ts'
import type { Nodes } from '../chain/nodes.ts'
import { callContract, RevertError } from '../chain/reverts.ts'
import type { Head } from '../chain/watcher.ts'
import { type ChainRequest, chainRequest } from './requests.ts'
import type { RequestRow } from './tables.ts'
import { fallbackRank } from './turn.ts'

/** Who we are and what we serve. */
export type Profile = {
  operator: Hex
  releaseId: Hex
  publisher: Hex
  assurance: 'simulated' | 'tee'
  artifacts: ReadonlySet<Hex>
  relay: Hex
  operators: Hex
  /** Seconds that each operator leaves to the one before it when the assigned one did not answer. */
  fallbackStepS: number
}

/** What to do with a request now. */
export type Decision =
  | { take: true; duty: boolean }
  | { skip: string }
  | { decline: true }
  | { waitS: number; reason: string }

/** Below this many seconds to the deadline a request is not started. */
const MIN_REMAINING_S = 2n

/** Whoever ended it, the event is still to come. */
export const NOT_OPEN = 'not-open'

/**
 * Whether to answer a request: reasons of its own first, then what the chain says: whose turn it is, and when it is not
 * our duty, whether we offered it. Throws CHAIN_UNAVAILABLE.
 */
export async function decide(nodes: Nodes, profile: Profile, row: RequestRow, head: Head): Promise<Decision> {
  const request = chainRequest(row)
  const { params } = request
  if (!profile.artifacts.has(params.artifact)) return { skip: 'unknown-artifact' }
  if (params.assurance !== ASSURANCE[profile.assurance]) return { skip: 'assurance' }
  if (!isAccepted(profile, params)) return { skip: 'release-not-accepted' }
  if (row.state === 'seen' && params.deadline < head.timestamp + MIN_REMAINING_S) return { skip: 'too-late' }
  const turn = await whoseTurn(nodes, profile, row, 'pending')
  if (turn === undefined) return { waitS: 2, reason: NOT_OPEN }
  const [assigned, until] = turn
  const duty = isAddressEqual(assigned, profile.operator)
  if (!duty) {
    const offer = await ownOffer(nodes.client, profile, request)
    if (!offer.active) return { skip: 'not-offered' }
    if (offer.price > params.fee) return { skip: 'fee-too-low' }
  }
  if (head.baseFee > params.maxGasPrice)
    return duty && halfPassed(request, head) ? { decline: true } : { waitS: 1, reason: 'base-fee-above-cap' }
  if (duty) return { take: true, duty }
  return afterAnother(nodes.client, profile, row, head, { assigned, until, request })
}

/** Another's duty, or nobody's: after its window, or at once, those who may answer take turns. */
async function afterAnother(
  client: PublicClient,
  profile: Profile,
  row: RequestRow,
  head: Head,
  { assigned, until, request }: { assigned: Hex; until: bigint; request: ChainRequest },
): Promise<Decision> {
  const now = await timeOfNextBlock(client, head)
  const atOnce = isAddressEqual(assigned, zeroAddress) && now <= until
  const from = atOnce ? request.timestamp : until + 1n
  if (now < from) return { waitS: Number(from - now), reason: 'assigned-to-another' }
  const { operators, operator, fallbackStepS } = profile
  const drawn = { ...request, id: row.id, blockHash: row.blockHash }
  const rank = await fallbackRank({ client, operators, operator, assigned, request: drawn })
  const turn = from + BigInt(rank * fallbackStepS)
  return now < turn ? { waitS: Number(turn - now), reason: 'turn-of-another' } : { take: true, duty: false }
}

/** A chain without traffic may mine no block while a window passes: the newest one's time would stand still. */
async function timeOfNextBlock(client: PublicClient, head: Head): Promise<bigint> {
  const { timestamp } = await read(() => client.getBlock({ blockTag: 'pending' }))
  return BigInt(Math.max(Number(timestamp), Number(head.timestamp)))
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

/** Of the time from the request to its deadline: until then the base fee may fall, afterwards there is time to decline. */
function halfPassed({ timestamp, params }: ChainRequest, head: Head): boolean {
  return 2n * head.timestamp >= timestamp + params.deadline
}

function isAccepted(
  { releaseId, publisher }: Profile,
  { releases, publishers }: ChainRequest['params'],
): boolean {
  return releases.includes(releaseId) || publishers.some(accepted => isAddressEqual(accepted, publisher))
}

/** As it was in the request's epoch: what was changed since neither binds nor frees us. */
function ownOffer(client: PublicClient, { operators, operator }: Profile, request: ChainRequest) {
  const contract = { address: operators, abi: operatorsAbi } as const
  const { artifact, feeToken } = request.params
  return callContract(async () => {
    const args = [request.timestamp] as const
    const epoch = await client.readContract({ ...contract, functionName: 'epochAt', args })
    const offer = [operator, artifact, feeToken, epoch] as const
    return client.readContract({ ...contract, functionName: 'offerAt', args: offer })
  })
}

/**
 * Undefined when the request is not open. As of the next block, the first in which it can be answered, unless our own
 * answer waits to be in it. It is our duty when one node says so.
 */
async function whoseTurn(
  nodes: Nodes,
  { relay, operator }: Profile,
  row: RequestRow,
  blockTag: 'pending' | 'latest',
): Promise<readonly [Hex, bigint] | undefined> {
  const args = [chainRequest(row)] as const
  const call = { address: relay, abi: relayAbi, functionName: 'assignedOf', args, blockTag } as const
  return nodes.strictest<readonly [Hex, bigint] | undefined>({
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
