import { operatorsAbi, relayAbi, releasesAbi } from '@nacre/contracts'
import type { RelayRequest } from '@nacre/sdk'
import { ASSURANCE, type Hex, ZERO_ADDRESS } from '@nacre/verify'
import { concat, keccak256, type PublicClient } from 'viem'

/** Where the draw is computed. */
type Place = { client: PublicClient; deployment: { operators: Hex; relay: Hex; releases: Hex } }

/** Whom the request's own block drew, and until when it alone may answer or accept. */
export type Draw = {
  /** Holder of the slot that was drawn; null when nobody holds it. */
  holder: Hex | null
  /** Whether what it had announced and declared fits the request. */
  fits: boolean
  until: number
}

/** The relay's own computation (Relay._drawn), of any request, also one that is over. */
export async function readDraw({ client, deployment }: Place, id: Hex, request: RelayRequest): Promise<Draw> {
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const window = { address: deployment.relay, abi: relayAbi, functionName: 'WINDOW' } as const
  const [{ hash }, epoch, seconds] = await Promise.all([
    client.getBlock({ blockNumber: request.blockNumber }),
    client.readContract({ ...operators, functionName: 'epochAt', args: [request.timestamp] }),
    client.readContract(window),
  ])
  const args = [BigInt(keccak256(concat([hash, id]))), epoch] as const
  const holder = await client.readContract({ ...operators, functionName: 'assigned', args })
  const until = Number(request.timestamp + seconds)
  if (holder === ZERO_ADDRESS) return { holder: null, fits: false, until }
  return { holder, fits: await doesFit({ client, deployment }, holder, request, epoch), until }
}

/** Relay._isDuty. */
async function doesFit(
  { client, deployment }: Place,
  holder: Hex,
  { params, timestamp }: RelayRequest,
  epoch: bigint,
): Promise<boolean> {
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const market = [holder, params.artifact, params.feeToken, epoch] as const
  const [offer, profile] = await Promise.all([
    client.readContract({ ...operators, functionName: 'offerAt', args: market }),
    client.readContract({ ...operators, functionName: 'profileAt', args: [holder, epoch] }),
  ])
  if (!offer.active || offer.price > params.fee) return false
  if (BigInt(offer.minDeadline) > params.deadline - timestamp) return false
  if (params.assurance === ASSURANCE.zk) return true
  const call = { address: deployment.releases, abi: releasesAbi, functionName: 'releaseOf' } as const
  const [publisher, revoked] = await client.readContract({ ...call, args: [profile.releaseId] })
  if (publisher === ZERO_ADDRESS || revoked || profile.assurance !== params.assurance) return false
  return params.releases.includes(profile.releaseId) || params.publishers.some(one => same(one, publisher))
}

function same(one: Hex, other: Hex): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
