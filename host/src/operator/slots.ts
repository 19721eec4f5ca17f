import { operatorsAbi } from '@nacre/contracts'
import { type Hex, type PublicClient, zeroAddress } from 'viem'
import { callContract } from '../chain/reverts.ts'

/** What an operator announced for an artifact and token. */
export type Offer = { price: bigint; minDeadline: number; active: boolean }

/**
 * Slots and offers of an epoch, as the contract judges requests of that epoch. They change only from the next epoch:
 * what was read once is kept, so that a hundred requests cost no more calls than one. All throw CHAIN_UNAVAILABLE.
 */
export type Slots = {
  epochAt(timestamp: bigint): Promise<bigint>
  /** Holder of the slot that a number draws; zero when nobody holds it. */
  holder(number: bigint, epoch: bigint): Promise<Hex>
  offer(operator: Hex, asked: { artifact: Hex; feeToken: Hex }, epoch: bigint): Promise<Offer>
  /** What an operator declared that it runs. */
  profile(operator: Hex, epoch: bigint): Promise<{ releaseId: Hex; assurance: number }>
  /** A reorganisation may have moved a bond or an announcement into another epoch. */
  forget(): void
}

const MAX_KEPT = 4_096

export function createSlots(client: PublicClient, operators: Hex): Slots {
  const contract = { address: operators, abi: operatorsAbi } as const
  const kept = new Map<string, Promise<unknown>>()

  /** The oldest goes first; what could not be read is read again. */
  function once<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = kept.get(key) as Promise<T> | undefined
    if (known) return known
    const reading = callContract(read)
    kept.set(key, reading)
    reading.catch(() => kept.get(key) === reading && kept.delete(key))
    if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value!)
    return reading
  }

  const epochLength = () => once('epoch', () => client.readContract({ ...contract, functionName: 'EPOCH' }))
  const countAt = (epoch: bigint) =>
    once(`count ${epoch}`, () =>
      client.readContract({ ...contract, functionName: 'slotCountAt', args: [epoch] }),
    )

  return {
    epochAt: async timestamp => timestamp / (await epochLength()),
    holder: async (number, epoch) => {
      const count = await countAt(epoch)
      if (count === 0n) return zeroAddress
      const args = [number % count, epoch] as const
      return once(`slot ${args}`, () => client.readContract({ ...contract, functionName: 'assigned', args }))
    },
    offer: (operator, { artifact, feeToken }, epoch) => {
      const args = [operator, artifact, feeToken, epoch] as const
      const key = `offer ${args}`.toLowerCase()
      return once(key, () => client.readContract({ ...contract, functionName: 'offerAt', args }))
    },
    profile: (operator, epoch) => {
      const args = [operator, epoch] as const
      const key = `profile ${args}`.toLowerCase()
      return once(key, () => client.readContract({ ...contract, functionName: 'profileAt', args }))
    },
    forget: () => kept.clear(),
  }
}
