import { operatorsAbi } from '@nacre/contracts'
import { type Hex, type PublicClient, zeroAddress } from 'viem'
import type { Nodes } from '../chain/nodes.ts'
import { callContract } from '../chain/reverts.ts'

/** What an operator announced for an artifact and token. */
export type Offer = { price: bigint; minDeadline: number; active: boolean }

/** An epoch, and the hash of a block in which it had begun: from then on nothing of it changes. */
export type Epoch = { number: bigint; asOf: Hex }

/**
 * Slots and offers of an epoch, as the contract judges requests of that epoch. They change only from the next epoch:
 * what was read once is kept, so that a hundred requests cost no more calls than one. Read as of a named block: a node
 * that is behind would tell them as they were when they still changed. All throw CHAIN_UNAVAILABLE.
 */
export type View = {
  epochAt(timestamp: bigint): Promise<bigint>
  /** Holder of the slot that a number draws; zero when nobody holds it. */
  holder(number: bigint, epoch: Epoch): Promise<Hex>
  offer(operator: Hex, asked: { artifact: Hex; feeToken: Hex }, epoch: Epoch): Promise<Offer>
  /** What an operator declared that it runs. */
  profile(operator: Hex, epoch: Epoch): Promise<{ releaseId: Hex; assurance: number }>
}

/** As the node that leads says. */
export type Slots = View & {
  /** As each of the nodes says whose word it takes to be freed of a duty. */
  views(): View[]
  /** A reorganisation may have moved a bond or an announcement into another epoch. */
  forget(): void
}

const MAX_KEPT = 4_096

export function createSlots(nodes: Pick<Nodes, 'client' | 'each'>, operators: Hex): Slots {
  const views = new Map<PublicClient, View & Pick<Slots, 'forget'>>()
  const viewOf = (client: PublicClient) => {
    const view = views.get(client) ?? createView(client, operators)
    views.set(client, view)
    return view
  }
  return {
    ...viewOf(nodes.client),
    views: () => nodes.each().map(viewOf),
    forget: () => {
      for (const view of views.values()) view.forget()
    },
  }
}

function createView(client: PublicClient, operators: Hex): View & Pick<Slots, 'forget'> {
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
  const countAt = ({ number, asOf }: Epoch) =>
    once(`count ${number}`, () =>
      client.readContract({ ...contract, ...at(asOf), functionName: 'slotCountAt', args: [number] }),
    )

  return {
    epochAt: async timestamp => timestamp / (await epochLength()),
    holder: async (drawn, epoch) => {
      const count = await countAt(epoch)
      if (count === 0n) return zeroAddress
      const args = [drawn % count, epoch.number] as const
      const call = { ...contract, ...at(epoch.asOf), functionName: 'assigned', args } as const
      return once(`slot ${args}`, () => client.readContract(call))
    },
    offer: (operator, { artifact, feeToken }, { number, asOf }) => {
      const args = [operator, artifact, feeToken, number] as const
      const call = { ...contract, ...at(asOf), functionName: 'offerAt', args } as const
      return once(`offer ${args}`.toLowerCase(), () => client.readContract(call))
    },
    profile: (operator, { number, asOf }) => {
      const args = [operator, number] as const
      const call = { ...contract, ...at(asOf), functionName: 'profileAt', args } as const
      return once(`profile ${args}`.toLowerCase(), () => client.readContract(call))
    },
    forget: () => kept.clear(),
  }
}

/** A block that was dropped is no state to keep. */
function at(blockHash: Hex) {
  return { blockHash, requireCanonical: true } as const
}
