import { enclaveRegistryAbi, operatorsAbi, relayAbi, releasesAbi } from '@nacre/contracts'
import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { type Contracts, readEvents } from './chain.ts'

/** Whose facts, and where they are read. */
export type Subject = { client: PublicClient; contracts: Contracts; account: Hex }

export type Stake = {
  slots: bigint
  bonded: bigint
  unbonding: bigint
  /** When `unbonding` can be withdrawn, seconds. */
  availableAt: bigint
  slotStake: bigint
  /** Time and epoch of the newest block. */
  time: bigint
  epoch: bigint
  epochLength: bigint
}

export type Offer = { artifact: Hex; token: Hex; price: bigint; minDeadline: number; active: boolean }
export type Profile = { releaseId: Hex; assurance: number }
export type Key = { receiptKey: Hex; releaseId: Hex; expiresAt: number; revoked: boolean }
export type Credit = { token: Hex; amount: bigint }

export async function readStake({ client, contracts, account }: Subject): Promise<Stake> {
  const call = { address: contracts.operators, abi: operatorsAbi } as const
  const [{ timestamp: time }, slots, [bonded, unbonding, availableAt], slotStake, epochLength] =
    await Promise.all([
      client.getBlock(),
      client.readContract({ ...call, functionName: 'slotsOf', args: [account] }),
      client.readContract({ ...call, functionName: 'stakeOf', args: [account] }),
      client.readContract({ ...call, functionName: 'SLOT_STAKE' }),
      client.readContract({ ...call, functionName: 'EPOCH' }),
    ])
  const epoch = time / epochLength
  return { slots, bonded, unbonding, availableAt, slotStake, time, epoch, epochLength }
}

/** What the account has declared, as of the next epoch. */
export async function readProfile({ client, contracts, account }: Subject, epoch: bigint): Promise<Profile> {
  const call = { address: contracts.operators, abi: operatorsAbi } as const
  return client.readContract({ ...call, functionName: 'profileAt', args: [account, epoch + 1n] })
}

/** Every artifact and token that the account ever announced, with the newest offer. */
export async function readOffers(subject: Subject): Promise<Offer[]> {
  const { client, contracts, account } = subject
  const call = { address: contracts.operators, abi: operatorsAbi } as const
  const latest = await client.getBlockNumber()
  const filter = { ...call, eventName: 'Announced', args: { operator: account }, strict: true } as const
  const events = await readEvents(
    range => client.getContractEvents({ ...filter, ...range }),
    contracts.block,
    latest,
  )
  const markets = new Map(events.map(({ args }) => [`${args.artifact}${args.token}`, args]))
  return Promise.all(
    [...markets.values()].map(({ artifact, token }) => readOffer(subject, artifact, lower(token))),
  )
}

export async function readOffer(
  { client, contracts, account }: Subject,
  artifact: Hex,
  token: Hex,
): Promise<Offer> {
  const call = { address: contracts.operators, abi: operatorsAbi } as const
  const offer = await client.readContract({
    ...call,
    functionName: 'offerOf',
    args: [account, artifact, token],
  })
  return { artifact, token, ...offer }
}

/** Keys that have not expired. */
export async function readKeys({ client, contracts, account }: Subject, time: bigint): Promise<Key[]> {
  const call = { address: contracts.enclaveRegistry, abi: enclaveRegistryAbi } as const
  const latest = await client.getBlockNumber()
  const filter = { ...call, eventName: 'KeyRegistered', args: { operator: account }, strict: true } as const
  const events = await readEvents(
    range => client.getContractEvents({ ...filter, ...range }),
    contracts.block,
    latest,
  )
  const alive = events.filter(({ args }) => BigInt(args.expiresAt) > time)
  return Promise.all(
    alive.map(async ({ args: { receiptKey, releaseId, configHash, expiresAt } }) => {
      const args = [receiptKey, releaseId, configHash] as const
      const { revoked } = await client.readContract({ ...call, functionName: 'keyOf', args })
      return { receiptKey: lower(receiptKey), releaseId, expiresAt, revoked }
    }),
  )
}

/** Whether a release is on chain and not revoked. */
export async function readRelease(
  { client, contracts }: Subject,
  releaseId: Hex,
): Promise<'listed' | 'revoked' | 'unknown'> {
  const address = await client.readContract({
    address: contracts.enclaveRegistry,
    abi: enclaveRegistryAbi,
    functionName: 'RELEASES',
  })
  const call = { address, abi: releasesAbi, functionName: 'releaseOf', args: [releaseId] } as const
  const [publisher, revoked] = await client.readContract(call)
  if (publisher === ZERO_ADDRESS) return 'unknown'
  return revoked ? 'revoked' : 'listed'
}

/** What the relay owes the account, in these tokens; without those of which it owes nothing. */
export async function readCredits(
  { client, contracts, account }: Subject,
  tokens: readonly Hex[],
): Promise<Credit[]> {
  const call = { address: contracts.relay, abi: relayAbi, functionName: 'balanceOf' } as const
  const credits = await Promise.all(
    [...new Set([ZERO_ADDRESS as Hex, ...tokens])].map(async token => ({
      token,
      amount: await client.readContract({ ...call, args: [account, token] }),
    })),
  )
  return credits.filter(({ amount }) => amount > 0n)
}

export function lower(address: Hex): Hex {
  return address.toLowerCase() as Hex
}
